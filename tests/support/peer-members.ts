/** Members that have only a peer layer: real sockets on loopback, recorded events. */

import { crc32 } from 'node:zlib'
import { PeerServer } from '../../src/peer/accept.ts'
import {
  PEER_LIMITS,
  type PeerIdentity,
  type PeerLimits,
  type PeerTls,
  type SnapshotSink,
  type SnapshotSource,
} from '../../src/peer/options.ts'
import { PeerTransport } from '../../src/peer/transport.ts'
import type { InstallSnapshot, Message, Propose } from '../../src/raft/message.ts'
import type { Entry, MemberId } from '../../src/raft/types.ts'
import { memberId } from '../../src/raft/types.ts'
import type { Clock, Log } from '../../src/replica/ports.ts'

export const realClock: Clock = { monotonicMs: () => performance.now(), wallMs: () => Date.now() }

/** Limits that make failures quick to see. */
export const QUICK_LIMITS: PeerLimits = {
  ...PEER_LIMITS,
  keepAliveMs: 50,
  keepAliveTimeoutMs: 2_000,
  dialTimeoutMs: 2_000,
  backoffMsMin: 10,
  backoffMsMax: 100,
  settledMs: 0,
  requestHeadMs: 2_000,
  closeMs: 200,
}

export interface LogLine {
  readonly level: string
  readonly fields: Record<string, unknown>
  readonly message: string
}

export class RecordedLog implements Log {
  readonly lines: LogLine[] = []
  debug(fields: object, message: string): void {
    this.#add('debug', fields, message)
  }
  info(fields: object, message: string): void {
    this.#add('info', fields, message)
  }
  warn(fields: object, message: string): void {
    this.#add('warn', fields, message)
  }
  error(fields: object, message: string): void {
    this.#add('error', fields, message)
  }
  /** Lines of a level whose `code` field or message holds `text`. */
  matching(level: string, text: string): LogLine[] {
    return this.lines.filter(
      (line) => line.level === level && (line.message.includes(text) || String(line.fields.code) === text),
    )
  }
  #add(level: string, fields: object, message: string): void {
    this.lines.push({ level, fields: { ...fields }, message })
  }
}

export interface TestMemberOptions {
  readonly id: string
  readonly clusterId?: string
  readonly heartbeatMs?: number
  readonly electionMs?: number
  /** Told in greetings. */
  readonly peerUrls?: readonly string[]
  readonly limits?: Partial<PeerLimits>
  readonly source?: SnapshotSource
  readonly sink?: SnapshotSink
  readonly isMember?: (id: MemberId) => boolean
  readonly isRemoved?: (id: MemberId) => boolean
  /** Makes https of every URL. */
  readonly tls?: PeerTls
  /** Called with each batch as it arrives. */
  readonly onReceive?: (messages: readonly Message[]) => void
}

/** One member's transport and server, and what they reported. */
export class TestMember {
  readonly id: MemberId
  readonly identity: PeerIdentity
  readonly log = new RecordedLog()
  readonly received: Message[] = []
  readonly unreachable: MemberId[] = []
  readonly unsent: Propose[] = []
  readonly gone: MemberId[] = []
  readonly snapshots: { id: MemberId; ok: boolean }[] = []
  readonly removedBy: MemberId[] = []
  readonly transport: PeerTransport
  readonly server: PeerServer
  readonly #protocol: 'http' | 'https'
  port = 0

  constructor(options: TestMemberOptions) {
    this.id = memberId(options.id)
    this.#protocol = options.tls === undefined ? 'http' : 'https'
    this.identity = {
      clusterId: options.clusterId ?? 'c1',
      memberId: this.id,
      heartbeatMs: options.heartbeatMs ?? 100,
      electionMs: options.electionMs ?? 1_000,
      ...(options.peerUrls === undefined ? {} : { peerUrls: options.peerUrls }),
    }
    const shared = {
      identity: this.identity,
      log: this.log,
      clock: realClock,
      random: Math.random,
      limits: { ...QUICK_LIMITS, ...options.limits },
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      events: {
        receive: (messages: readonly Message[]) => {
          this.received.push(...messages)
          options.onReceive?.(messages)
        },
        unreachable: (id: MemberId, unsent: readonly Propose[]) => {
          this.unreachable.push(id)
          this.unsent.push(...unsent)
        },
        gone: (id: MemberId) => void this.gone.push(id),
        snapshotSent: (id: MemberId, ok: boolean) => void this.snapshots.push({ id, ok }),
      },
    }
    this.transport = new PeerTransport({
      ...shared,
      snapshotSource: options.source ?? chunkSource([]),
      removed: (by) => void this.removedBy.push(by),
    })
    this.server = new PeerServer({
      ...shared,
      transport: this.transport,
      snapshotSink: options.sink ?? collectingSink().sink,
      isMember: options.isMember ?? (() => true),
      isRemoved: options.isRemoved ?? (() => false),
      members: () => [
        { id: this.id, name: `n${this.id}`, peerURLs: [this.url], clientURLs: ['http://127.0.0.1:2379'] },
      ],
      version: () => '{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}',
    })
  }

  get url(): string {
    return `${this.#protocol}://127.0.0.1:${this.port}`
  }

  /** Listens on a free port, or on the one given. */
  async listen(port = 0): Promise<this> {
    await this.server.listen([new URL(`${this.#protocol}://127.0.0.1:${port}`)])
    this.port = Number(this.server.addresses()[0]?.port)
    return this
  }

  /** Talks to exactly these. */
  meet(...others: readonly TestMember[]): void {
    this.transport.setRemotes(new Map(others.map((other) => [other.id, [other.url]])))
  }

  isConnectedTo(other: TestMember): boolean {
    return this.transport.status().some((s) => s.id === other.id && s.connectedSinceMs !== undefined)
  }

  async close(): Promise<void> {
    await Promise.all([this.transport.close(), this.server.close()])
  }
}

export function chunkSource(chunks: readonly Uint8Array[]): SnapshotSource {
  return {
    async open(offer) {
      return {
        offer,
        chunks: (async function* () {
          yield* chunks
        })(),
      }
    },
  }
}

/** A sink that keeps everything in memory and says yes. */
export function collectingSink(): {
  readonly sink: SnapshotSink
  readonly staged: { from: MemberId; message: InstallSnapshot; bytes: Buffer }[]
} {
  const staged: { from: MemberId; message: InstallSnapshot; bytes: Buffer }[] = []
  return {
    staged,
    sink: {
      async stage(from, message, chunks) {
        const parts: Uint8Array[] = []
        for await (const chunk of chunks) parts.push(chunk)
        staged.push({ from, message, bytes: Buffer.concat(parts) })
        return true
      },
    },
  }
}

export function entry(index: number, term: number, data: Uint8Array | string, origin = 'a'): Entry {
  return {
    kind: 1,
    origin: memberId(origin),
    seq: index,
    data: typeof data === 'string' ? Buffer.from(data) : data,
    checksum: crc32(data),
    index,
    term,
    stampMs: index * 10,
  }
}

export function heartbeat(from: string, to: string, commitIndex: number): Message {
  return {
    kind: 'heartbeat',
    from: memberId(from),
    to: memberId(to),
    term: 1,
    commitIndex,
    readRound: 0,
    stampMs: 0,
  }
}

export function append(from: string, to: string, prevIndex: number, entries: readonly Entry[]): Message {
  return {
    kind: 'append',
    from: memberId(from),
    to: memberId(to),
    term: 1,
    prevIndex,
    prevTerm: prevIndex === 0 ? 0 : 1,
    entries,
    commitIndex: 0,
  }
}

export function installSnapshot(from: string, to: string, index: number): InstallSnapshot {
  return {
    kind: 'installSnapshot',
    from: memberId(from),
    to: memberId(to),
    term: 1,
    snapshot: {
      index,
      term: 1,
      stampMs: 5,
      membership: { voters: [memberId(from), memberId(to)], learners: [] },
    },
  }
}
