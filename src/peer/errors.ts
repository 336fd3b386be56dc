/**
 * The conditions of the peer layer: codes that are API, and the error that carries one.
 *
 * Owns: the catalogue. Leaves to others: who drops which connection for it.
 */

/** Codes seen in logs, in `RemoteStatus.lastFailure` and in the JSON of a refusal. Stable; the wording is not. */
export type PeerErrorCode =
  /** A message on a stream has the wrong shape. The stream is closed. */
  | 'MUSTER_PEER_BAD_MESSAGE'
  /** A frame announces more than `frameBytesMax`, or is not what its place allows. The stream is closed. */
  | 'MUSTER_PEER_BAD_FRAME'
  /** A handshake header is missing or malformed (400). */
  | 'MUSTER_PEER_BAD_HANDSHAKE'
  /** The two speak no common protocol version (409). */
  | 'MUSTER_PEER_PROTOCOL'
  /** The two belong to different clusters (409). */
  | 'MUSTER_PEER_CLUSTER'
  /** The dialler means to reach another member than the one that answers (409). */
  | 'MUSTER_PEER_WRONG_MEMBER'
  /** A setting that must agree in the whole cluster differs (409). */
  | 'MUSTER_PEER_SETTINGS'
  /** The sender is no member of this cluster, as far as we know (403). */
  | 'MUSTER_PEER_UNKNOWN'
  /** The sender was removed from this cluster, and may stop (410). */
  | 'MUSTER_PEER_REMOVED'
  /** The sender already has a snapshot on its way to us (409). */
  | 'MUSTER_PEER_SNAPSHOT_BUSY'
  /** The snapshot arrived but was not kept (422): damaged, or not wanted. */
  | 'MUSTER_PEER_SNAPSHOT_REFUSED'
  /** The remote was reached, and its TLS handshake failed: a certificate that one of the two does not trust, or none. */
  | 'MUSTER_PEER_TLS'
  /** Nobody listens at any URL of the remote. */
  | 'MUSTER_PEER_REFUSED'
  /** The remote could not be reached, or answered with something that is no handshake. */
  | 'MUSTER_PEER_UNREACHABLE'
  /** Nothing was heard for `keepAliveTimeoutMs`, or a snapshot made no progress for `snapshotIdleMs`. */
  | 'MUSTER_PEER_SILENT'
  /** The other end closed the stream. */
  | 'MUSTER_PEER_CLOSED'

/** A condition of the peer layer. */
export class PeerError extends Error {
  readonly code: PeerErrorCode

  constructor(code: PeerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'PeerError'
    this.code = code
  }
}

/** A received message does not have the shape of `raft/message.ts`. */
export class BadMessageError extends PeerError {
  /** The first field found wrong, for example `append.prevIndex`. */
  readonly field: string

  constructor(field: string, found: unknown, want: string) {
    super('MUSTER_PEER_BAD_MESSAGE', `cannot use ${field} ${show(found)}: want ${want}`)
    this.name = 'BadMessageError'
    this.field = field
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return `"${value.slice(0, 40)}"`
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  return typeof value
}
