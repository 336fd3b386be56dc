/**
 * What the routes need from the member behind them; nothing more.
 *
 * Owns: the port that `member/member-port.ts` fills from the replica and that tests fill with a fake. Answers come by callback,
 * not promise: the write path spends one closure per request.
 */
import type { MemberJson, StoreStatsJson } from '../api.ts'
import type { AuthSource } from '../auth/ports.ts'
import type { Command } from '../store/command.ts'
import type { Keyspace } from '../store/keyspace.ts'
import type { Outcome } from '../store/outcome.ts'
import type { WatchHub } from '../store/watch.ts'

/** The world got in the way; see `replica/ports.ts` for what each code promises. */
export interface Refusal {
  readonly ok: false
  readonly condition:
    | 'MUSTER_NO_LEADER'
    | 'MUSTER_TIMEOUT'
    | 'MUSTER_TIMEOUT_LEADER_LOST'
    | 'MUSTER_TIMEOUT_CONNECTION_LOST'
    | 'MUSTER_OVERLOADED'
    | 'MUSTER_STOPPED'
}

/** What a write ends in: the store's answer, or a condition of the world. Tell them apart by `'condition' in answer`. */
export type WriteAnswer = Outcome | Refusal

/** The store as routes see it. The objects may be replaced when a snapshot is installed: never keep them. */
export interface StoreView {
  readonly tree: Keyspace
  readonly watchers: WatchHub
  /** Users, roles, and whether requests are judged by them. */
  readonly auth: AuthSource
  readonly storeIndex: number
  countGet(ok: boolean): void
  /**
   * A digest of tree, marks and members at this moment; equal at equal applied index. Each `next` does a millisecond of work
   * or so, the last returns it. Takes references to the whole tree at once: for operators and tests, one at a time.
   */
  digestSteps(): Generator<void, string, void>
}

export interface SelfStats {
  readonly name: string
  readonly id: string
  readonly state: 'StateLeader' | 'StateFollower' | 'StateCandidate' | 'StatePreCandidate'
  readonly startWallMs: number
  /** Empty before the first election. */
  readonly leader: string
  readonly leaderSinceWallMs: number
  readonly recvAppendRequestCnt: number
  readonly sendAppendRequestCnt: number
  readonly recvPkgRate: number
  readonly recvBandwidthRate: number
  readonly sendPkgRate: number
  readonly sendBandwidthRate: number
}

export interface FollowerStats {
  readonly id: string
  /** Seconds. */
  readonly latency: {
    readonly current: number
    readonly average: number
    readonly standardDeviation: number
    readonly minimum: number
    readonly maximum: number
  }
  readonly fail: number
  readonly success: number
}

/** This member's part in raft, for `/debug/vars`. */
export interface RaftView {
  /** For whom it voted in this term. */
  readonly vote: string | undefined
  readonly lastIndex: number
  /** On a leader every other member; else empty. */
  readonly progress: readonly {
    readonly id: string
    readonly matchIndex: number
    readonly nextIndex: number
    readonly state: 'probe' | 'replicate' | 'snapshot'
  }[]
}

/** What went between this member and another one since it started. */
export interface PeerTraffic {
  readonly id: string
  /** Whether a stream to it stands. */
  readonly active: boolean
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Messages that were dropped on their way to it. */
  readonly droppedMessages: number
}

/** What came of a change of the members. `failed`: it was not made as far as is known; the log says why. */
export type MemberChangeAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'idExists' | 'peerUrlExists' | 'idRemoved' | 'idNotFound' | 'failed' }

/** Changes of the members. Each `done` is called once: when this member has applied the change, or when it is not made. */
export interface MemberChangesPort {
  /** A new member. `peerUrls` are sorted. */
  add(
    peerUrls: readonly string[],
    done: (
      answer: { readonly ok: true; readonly member: MemberJson } | Extract<MemberChangeAnswer, { readonly ok: false }>,
    ) => void,
  ): void
  /** Other peer URLs for a member. `id` is canonical, but it need not be there; `peerUrls` are sorted. */
  update(id: string, peerUrls: readonly string[], done: (answer: MemberChangeAnswer) => void): void
  remove(id: string, done: (answer: MemberChangeAnswer) => void): void
}

/** The member behind the routes. */
export interface MemberPort {
  /** Lower-case hex without leading zeros. */
  readonly clusterId: string
  readonly memberId: string
  readonly store: StoreView
  /** Committed raft index and term, for the `X-Raft-` headers. */
  readonly raftIndex: number
  readonly raftTerm: number
  /** Raft index up to which this member has applied the log. */
  readonly appliedIndex: number
  /** Writes and quorum reads that wait for their answer. */
  readonly waiting: number
  /** How often a leader became known. */
  readonly leaderChanges: number
  /** The replicated clock as this member knows it now, for the remaining `ttl` of a node. Milliseconds. */
  clockNowMs(): number
  /** Wall time, for `expiration`. Milliseconds. */
  wallNowMs(): number
  /** Proposes a command. `done` is called exactly once, maybe before this returns (when refused at once). */
  write(command: Command, done: (answer: WriteAnswer) => void): void
  /** Calls `done` once the store may be read linearizably (undefined), or with what got in the way. */
  quorumRead(done: (refusal: Refusal | undefined) => void): void
  members(): readonly MemberJson[]
  /** Ids of those among them that do not vote yet. */
  learners(): readonly string[]
  /** Bytes of the data directory a moment ago; undefined: not known yet. */
  readonly dataBytes: number | undefined
  readonly memberChanges: MemberChangesPort
  /** Id of the leader, or undefined during an election. */
  leader(): string | undefined
  /** Whether a leader is known and reachable; for `/health`. */
  healthy(done: (ok: boolean) => void): void
  selfStats(): SelfStats
  /** Per follower, when this member leads; else undefined. */
  leaderStats(): readonly FollowerStats[] | undefined
  storeStats(): StoreStatsJson
  raftView(): RaftView
  peerTraffic(): readonly PeerTraffic[]
  /** Metrics in Prometheus text form. */
  metricsText(): Promise<string>
}

/** A log of structured lines; pino fits. */
export interface HttpLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
