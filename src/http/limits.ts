/**
 * The bounds of the client API, each with what happens when it is reached.
 *
 * Owns: names, units and defaults. Who enforces a limit is named beside it.
 */
export interface HttpLimits {
  /** Bytes of a request body. One more is refused with error 210 `http: POST too large`; the rest is not kept. `wire/connection.ts`. */
  readonly bodyBytesMax: number
  /** Bytes of a request's head (line and headers). More: 431, and the connection closes. `wire/connection.ts`. */
  readonly headBytesMax: number
  /** Bytes of a request's target. More: 414, and the connection closes. `wire/head.ts`. */
  readonly targetBytesMax: number
  /** Open client connections, over all listeners. One more gets HTTP 500, code 300, and is closed. `server.ts`. */
  readonly connectionsMax: number
  /** Watches waiting or streaming at this member. One more gets HTTP 500, code 300. `keys/watch.ts`. */
  readonly watchersMax: number
  /** Writes and quorum reads waiting for their answer. One more gets HTTP 500, code 300. `keys/routes.ts`. */
  readonly inFlightMax: number
  /** Bytes that may wait in this process for one slow stream. More: its connection is closed. `keys/watch.ts`. */
  readonly streamBufferBytesMax: number
  /** Milliseconds from a request's first byte to the end of its head. Later: the connection closes. `wire/connection.ts`. */
  readonly headMsMax: number
  /** Milliseconds from a request's first byte to the end of its body. Later: the connection closes. `wire/connection.ts`. */
  readonly requestMsMax: number
  /** Milliseconds for which a client may leave an answer unread. Later: the connection closes. `wire/connection.ts`. */
  readonly stallMsMax: number
  /** Milliseconds that rendering a listing may hold the loop before others get a turn. `keys/listing.ts`. */
  readonly sliceMsMax: number
}

export const HTTP_LIMITS: HttpLimits = {
  bodyBytesMax: 10 * 1024 * 1024,
  headBytesMax: 64 * 1024,
  targetBytesMax: 32 * 1024,
  connectionsMax: 20_000,
  watchersMax: 100_000,
  inFlightMax: 20_000,
  streamBufferBytesMax: 1024 * 1024,
  headMsMax: 60_000,
  requestMsMax: 300_000,
  stallMsMax: 120_000,
  sliceMsMax: 5,
}
