/**
 * The bounds of the client API, each with what happens when it is reached.
 *
 * Owns: names, units and defaults. Who enforces a limit is named beside it; those of `node:http` are set in `server.ts`.
 */
export interface HttpLimits {
  /** Bytes of a form. One more: error 210 `http: POST too large`, and the rest is thrown away. `keys/body.ts`. */
  readonly bodyBytesMax: number
  /** Bytes of all forms being received at a time, small ones aside. More: error 300. `keys/body.ts`. */
  readonly bodiesBytesMax: number
  /** Bytes of a request's line and headers. More: 431, and the connection closes. `node:http`. */
  readonly headBytesMax: number
  /**
   * Bytes of a key in UTF-8, and names in it; for a POST with the name that it will make. More: error 300. Each directory on
   * the way to a key has a record and a row of its own with its whole path, so what a key costs grows with its depth times
   * its length. `keys/key-limits.ts`.
   */
  readonly keyBytesMax: number
  readonly keySegmentsMax: number
  /** Open connections of all listeners together. One more is closed at once. `connections.ts`. */
  readonly connectionsMax: number
  /** Files that this process may have open. When a connection gets one of the last: a line in the log. `connections.ts`. */
  readonly openFilesMax: number
  /** The same as `connectionsMax` for all listeners that serve metrics only. */
  readonly metricsConnectionsMax: number
  /** Watches waiting or streaming. One more: error 300. `keys/watch.ts`. */
  readonly watchersMax: number
  /** Writes and quorum reads waiting for their answer. One more: error 300. `keys/routes.ts`. */
  readonly inFlightMax: number
  /**
   * Requests waiting for locks of 0.4. One more: error 300. Each that waits writes twice in its TTL, but no more than twice a second.
   * `legacy/locks.ts`.
   */
  readonly locksMax: number
  /**
   * Listings being rendered at a time. One more: error 300. `keys/routes.ts`. And requests that wait for a digest; one more:
   * 503. `status.ts`.
   */
  readonly listingsMax: number
  /**
   * Passwords that wait to be hashed: those of logins that are not remembered, and new ones. One more: error 300, and 503 at
   * `/v2/auth` and `/v2/members`. `auth/logins.ts`, which has bounds for one client address besides.
   */
  readonly passwordsWaitingMax: number
  /** Exports being rendered at a time. One more: 503. `export.ts`. */
  readonly exportsMax: number
  /**
   * Bytes that may wait in this process for one slow stream. More: it gets the rest from the history, as it reads.
   * `keys/fan-out.ts`.
   */
  readonly streamBufferBytesMax: number
  /**
   * Milliseconds from a request's first byte (the first request: from the opening of its connection) to the end of its head.
   * Later: 408, and the connection closes. `node:http`.
   */
  readonly headMsMax: number
  /** Milliseconds from a request's first byte to the end of its body. Later: the same. `node:http`. */
  readonly requestMsMax: number
  /** Milliseconds between looks for requests that are too slow. `node:http`. */
  readonly slowLookMs: number
  /** Milliseconds for which a client may leave an answer unread. Later: the connection closes. `send.ts`, `keys/listing.ts`. */
  readonly stallMsMax: number
  /** Milliseconds that all listings and digests together may hold the loop before others get a turn. `keys/slices.ts`. */
  readonly sliceMsMax: number
}

export const HTTP_LIMITS: HttpLimits = {
  bodyBytesMax: 10 * 1024 * 1024,
  bodiesBytesMax: 256 * 1024 * 1024,
  headBytesMax: 64 * 1024,
  keyBytesMax: 4096,
  keySegmentsMax: 256,
  connectionsMax: 20_000,
  openFilesMax: Number.POSITIVE_INFINITY,
  metricsConnectionsMax: 64,
  watchersMax: 100_000,
  inFlightMax: 20_000,
  locksMax: 10_000,
  listingsMax: 64,
  exportsMax: 4,
  passwordsWaitingMax: 1000,
  streamBufferBytesMax: 1024 * 1024,
  headMsMax: 60_000,
  requestMsMax: 300_000,
  slowLookMs: 5_000,
  stallMsMax: 120_000,
  sliceMsMax: 5,
}
