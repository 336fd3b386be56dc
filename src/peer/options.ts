/**
 * What the peer layer is given: identity, limits, and the ports it fills or calls.
 *
 * Owns: the shapes and the default limits. Leaves to others: where the values come from (`config/`, `musterd.ts`).
 */
import type { RequestListener, Server, ServerOptions } from 'node:http'
import type { ConnectionOptions } from 'node:tls'
import type { InstallSnapshot } from '../raft/message.ts'
import type { MemberId } from '../raft/types.ts'
import type { Clock, Log, PeerEvents } from '../replica/ports.ts'
import type { PeerTransport } from './transport.ts'

/** Who we are; compared in every handshake. */
export interface PeerIdentity {
  /** Lower-case hex without leading zeros. */
  readonly clusterId: string
  readonly memberId: MemberId
  /** Cluster-scoped settings: all members must have the same. Milliseconds. */
  readonly heartbeatMs: number
  readonly electionMs: number
  /** Where we are to be reached: for members that do not know us yet. Without it they refuse us. Read for each handshake: it may change. */
  readonly peerUrls?: readonly string[]
}

/** Every bound of the peer layer. */
export interface PeerLimits {
  /** Largest frame in either direction, bytes. Longer ones sent are dropped, longer ones received close the stream. */
  readonly frameBytesMax: number
  /** Bytes waiting for one remote's socket. Full: further messages are dropped and `unreachable` is reported. */
  readonly sendQueueBytesMax: number
  /** How often each end of a stream says that it is there, milliseconds. */
  readonly keepAliveMs: number
  /** A stream on which nothing was heard for this long is closed, milliseconds. A multiple of `keepAliveMs`. */
  readonly keepAliveTimeoutMs: number
  /** One attempt to dial: connecting and the answer to the handshake, milliseconds. */
  readonly dialTimeoutMs: number
  /** Back-off between rounds of dialling: doubles from the first to the last, with jitter. Milliseconds. */
  readonly backoffMsMin: number
  readonly backoffMsMax: number
  /** A stream that lived for less than this is redialled with back-off, not at once. Milliseconds. */
  readonly settledMs: number
  /** A snapshot stream on which no byte moved for this long is aborted, milliseconds. */
  readonly snapshotIdleMs: number
  /** Members of our cluster that we do not know yet and talk to all the same. Further ones are refused. */
  readonly guestsMax: number
  /** Connections to one peer URL. Further ones are closed at once. */
  readonly connectionsMax: number
  /** Time for a stranger to send its request head, milliseconds. */
  readonly requestHeadMs: number
  /** Closing waits this long for queued bytes to leave before sockets are destroyed, milliseconds. */
  readonly closeMs: number
}

export const PEER_LIMITS: PeerLimits = {
  frameBytesMax: 64 * 1024 * 1024,
  sendQueueBytesMax: 64 * 1024 * 1024,
  keepAliveMs: 1_000,
  keepAliveTimeoutMs: 5_000,
  dialTimeoutMs: 2_000,
  backoffMsMin: 50,
  backoffMsMax: 2_000,
  settledMs: 1_000,
  snapshotIdleMs: 30_000,
  guestsMax: 16,
  connectionsMax: 256,
  requestHeadMs: 5_000,
  closeMs: 500,
}

/** TLS between members: what is asked of `tls/`. Where it is missing, https URLs are dialled with the library's defaults. */
export interface PeerTls {
  /** For the next connection: certificates, and how to check those of the other side. Asked for each time: they change. */
  connectOptions(): Pick<ConnectionOptions, 'secureContext' | 'rejectUnauthorized' | 'checkServerIdentity'>
  /** Why a connection failed, when the reason is TLS. */
  explain(error: Error): string | undefined
  /** The server behind an https URL, told what `node:http` is told. */
  createServer(options: ServerOptions, listener: RequestListener): Server
}

/** Given to both the transport and the server. */
export interface PeerOptions {
  readonly identity: PeerIdentity
  readonly events: PeerEvents
  readonly log: Log
  readonly clock: Clock
  /** Uniform in [0, 1); spreads redials. */
  readonly random: () => number
  readonly limits: PeerLimits
  readonly tls?: PeerTls
}

/** What is sent: the present state, which may be newer than what the core offered. */
export interface OutgoingSnapshot {
  /** The message with the metadata of what the chunks hold. */
  readonly offer: InstallSnapshot
  /**
   * The rows. At least one chunk is asked for, one after the other; `return()` follows when the rest is not wanted, and
   * then lets go of whatever the chunks come from, as the end of the chunks does.
   */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** Where a snapshot comes from; filled from `store/snapshot.ts`. */
export interface SnapshotSource {
  /** Opens a view that stands still while it is sent. Undefined: the offer's term is over. Rejects when none can be opened. */
  open(offer: InstallSnapshot): Promise<OutgoingSnapshot | undefined>
}

/** Where a snapshot goes; filled from `store/snapshot.ts` and the replica. */
export interface SnapshotSink {
  /**
   * Keeps the chunks beside the live rows. True: complete, whole, and handed on together with `message`. False, or a
   * rejection: not kept. `chunks` throws when the stream breaks; nothing may be kept of it then.
   */
  stage(from: MemberId, message: InstallSnapshot, chunks: AsyncIterable<Uint8Array>): Promise<boolean>
}

export interface PeerTransportOptions extends PeerOptions {
  readonly snapshotSource: SnapshotSource
  /** `by` refused us because we were removed from the cluster. May come more than once, from more than one member. */
  removed(by: MemberId): void
}

/** A member as the peer listener shows it at `/members`. */
export interface ListedMember {
  readonly id: MemberId
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
}

export interface PeerServerOptions extends PeerOptions {
  /** Counts what is received, and dials members that dialled us. */
  readonly transport: PeerTransport
  readonly snapshotSink: SnapshotSink
  isMember(id: MemberId): boolean
  isRemoved(id: MemberId): boolean
  members(): readonly ListedMember[]
  /** Body of GET `/version`, JSON text. */
  version(): string
}
