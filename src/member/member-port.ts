/**
 * The member as the HTTP layer sees it: the replica, its store and its statistics behind `http/ports.ts`.
 *
 * Owns: how the replica's words become the API's. Decides nothing.
 */
import type { MemberJson, StoreStatsJson } from '../api.ts'
import type {
  FollowerStats,
  MemberChangesPort,
  MemberPort,
  PeerTraffic,
  RaftView,
  Refusal,
  SelfStats,
  StoreView,
  WriteAnswer,
} from '../http/ports.ts'
import type { PeerTransport } from '../peer/transport.ts'
import type { Role } from '../raft/types.ts'
import type { Clock } from '../replica/ports.ts'
import type { Replica } from '../replica/replica.ts'
import type { Command } from '../store/command.ts'
import type { FolderSize } from './folder-size.ts'
import { TrafficMeter } from './traffic-rates.ts'

const STATES = {
  follower: 'StateFollower',
  preCandidate: 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
} as const satisfies Record<Role, SelfStats['state']>

/** A health check waits this long for a proof that reads are linearizable (API page, section 9). */
const HEALTH_MS_MAX = 1000

export interface MemberPortOptions {
  readonly replica: Replica
  readonly clusterId: string
  readonly name: string
  /** The member's metrics in Prometheus text form. */
  readonly metricsText: () => Promise<string>
  readonly clock: Clock
  /** Where traffic with other members is counted. */
  readonly transport: Pick<PeerTransport, 'counters' | 'status'>
  readonly memberChanges: MemberChangesPort
  /** Where the data are. */
  readonly data: FolderSize
}

/** A port with a life: it measures traffic until it is ended. */
export interface EndingMemberPort extends MemberPort {
  end(): void
}

/** Builds the port of a running member. */
export function memberPort(options: MemberPortOptions): EndingMemberPort {
  return new ReplicaPort(options)
}

class ReplicaPort implements EndingMemberPort {
  readonly clusterId: string
  readonly memberId: string
  readonly memberChanges: MemberChangesPort
  readonly #name: string
  readonly #replica: Replica
  readonly #metricsText: () => Promise<string>
  readonly #clock: Clock
  readonly #startWallMs: number
  readonly #transport: MemberPortOptions['transport']
  readonly #traffic: TrafficMeter
  readonly #data: FolderSize

  constructor(options: MemberPortOptions) {
    this.clusterId = options.clusterId
    this.memberId = options.replica.id
    this.memberChanges = options.memberChanges
    this.#name = options.name
    this.#replica = options.replica
    this.#metricsText = options.metricsText
    this.#clock = options.clock
    this.#startWallMs = options.clock.wallMs()
    this.#transport = options.transport
    this.#data = options.data
    this.#traffic = new TrafficMeter(options.transport.counters.total, () => options.clock.monotonicMs())
  }

  get store(): StoreView {
    return this.#replica.store
  }

  get raftIndex(): number {
    return this.#replica.commitIndex
  }

  get raftTerm(): number {
    return this.#replica.term
  }

  get appliedIndex(): number {
    return this.#replica.store.appliedIndex
  }

  get waiting(): number {
    return this.#replica.waiting
  }

  get leaderChanges(): number {
    return this.#replica.stats.leaderChanges
  }

  clockNowMs(): number {
    return this.#replica.clockNowMs()
  }

  wallNowMs(): number {
    return this.#clock.wallMs()
  }

  write(command: Command, done: (answer: WriteAnswer) => void): void {
    this.#replica.write(command, done)
  }

  quorumRead(done: (refusal: Refusal | undefined) => void): void {
    this.#replica.quorumRead(done)
  }

  members(): readonly MemberJson[] {
    return this.#replica.store.members.list()
  }

  learners(): readonly string[] {
    const { learners } = this.#replica.members.membership
    // One that was removed is a learner for a moment, and no member.
    const members = new Set(this.members().map(({ id }) => id))
    return learners.filter((id) => members.has(id))
  }

  get dataBytes(): number | undefined {
    return this.#data.bytes
  }

  leader(): string | undefined {
    return this.#replica.roleView.leader
  }

  healthy(done: (ok: boolean) => void): void {
    if (this.#replica.roleView.leader === undefined) done(false)
    else this.#replica.quorumRead((refused) => done(refused === undefined), HEALTH_MS_MAX)
  }

  selfStats(): SelfStats {
    const { role, leader } = this.#replica.roleView
    const { appendsReceived, appendsSent } = this.#replica.stats
    const { rates } = this.#traffic
    return {
      name: this.#name,
      id: this.memberId,
      state: STATES[role],
      startWallMs: this.#startWallMs,
      leader: leader ?? '',
      leaderSinceWallMs: this.#replica.leaderSinceWallMs,
      recvAppendRequestCnt: appendsReceived,
      sendAppendRequestCnt: appendsSent,
      recvPkgRate: rates.receivedAppends,
      recvBandwidthRate: rates.receivedBytes,
      sendPkgRate: rates.sentAppends,
      sendBandwidthRate: rates.sentBytes,
    }
  }

  leaderStats(): readonly FollowerStats[] | undefined {
    if (this.#replica.roleView.role !== 'leader') return undefined
    return [...this.#replica.stats.followers].map(([id, { latency, fail, success }]) => {
      const { current, average, averageSquare, minimum, maximum } = latency
      const standardDeviation = Math.sqrt(Math.max(0, averageSquare - average * average))
      return { id, latency: { current, average, standardDeviation, minimum, maximum }, fail, success }
    })
  }

  storeStats(): StoreStatsJson {
    return this.#replica.store.stats
  }

  raftView(): RaftView {
    const { vote, lastIndex, progress } = this.#replica.status()
    return { vote, lastIndex, progress }
  }

  peerTraffic(): readonly PeerTraffic[] {
    return this.#transport.status().map(({ id, connectedSinceMs, traffic }) => ({
      id,
      active: connectedSinceMs !== undefined,
      sentBytes: traffic.sentBytes,
      receivedBytes: traffic.receivedBytes,
      droppedMessages: traffic.droppedMessages,
    }))
  }

  metricsText(): Promise<string> {
    return this.#metricsText()
  }

  end(): void {
    this.#traffic.end()
  }
}
