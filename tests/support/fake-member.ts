/**
 * A member of one, without log or disk: the true state machine behind the port of the HTTP layer, which applies what is
 * proposed at once (or when told to), with clocks that only move by hand.
 */
import type { MemberJson, StoreStatsJson } from '../../src/api.ts'
import type {
  FollowerStats,
  MemberPort,
  PeerTraffic,
  RaftView,
  Refusal,
  SelfStats,
  WriteAnswer,
} from '../../src/http/ports.ts'
import type { Command } from '../../src/store/command.ts'
import type { StoreOptions } from '../../src/store/options.ts'
import { StateMachine } from '../../src/store/state-machine.ts'
import { FakeMemberChanges } from './fake-member-changes.ts'

/** 21 November 2026, 17:25:00.5 UTC: all that tests show of wall time. */
export const WALL_MS = Date.UTC(2026, 10, 21, 17, 25, 0, 500)
const CLUSTER_ID = 'cdf818194e3a8c32'
const MEMBER_ID = '8e9e05c52164694d'
const TERM = 2

export class FakeMember implements MemberPort {
  readonly clusterId = CLUSTER_ID
  readonly memberId = MEMBER_ID
  readonly raftTerm = TERM
  readonly store: StateMachine
  /** Both clocks go from here. */
  elapsedMs = 60_000
  /** What writes and quorum reads are refused with; undefined: they are done. */
  refusal: Refusal['condition'] | undefined
  /** Writes and quorum reads wait in `held` until `release`. */
  holds = false
  leads = true
  knowsLeader = true
  followers: readonly FollowerStats[] = []
  peers: readonly PeerTraffic[] = []
  raft: RaftView = { vote: MEMBER_ID, lastIndex: 3, progress: [] }
  leaderChanges = 1
  learnerIds: readonly string[] = []
  dataBytes: number | undefined = 4096
  readonly memberChanges = new FakeMemberChanges()
  readonly held: (() => void)[] = []
  #raftIndex = 3

  constructor(options: StoreOptions = {}) {
    this.store = new StateMachine(options)
    this.store.found([
      {
        kind: 'putMember',
        id: MEMBER_ID,
        name: 'n1',
        peerUrls: ['http://127.0.0.1:2380'],
        clientUrls: ['http://127.0.0.1:2379'],
      },
    ])
  }

  get raftIndex(): number {
    return this.#raftIndex
  }

  get appliedIndex(): number {
    return this.store.appliedIndex
  }

  get waiting(): number {
    return this.held.length
  }

  clockNowMs(): number {
    return this.elapsedMs
  }

  wallNowMs(): number {
    return WALL_MS - 60_000 + this.elapsedMs
  }

  write(command: Command, done: (answer: WriteAnswer) => void): void {
    this.#soon(() => {
      if (this.refusal !== undefined) done({ ok: false, condition: this.refusal })
      else done(this.apply(command) as WriteAnswer)
    })
  }

  quorumRead(done: (refusal: Refusal | undefined) => void): void {
    this.#soon(() => done(this.refusal === undefined ? undefined : { ok: false, condition: this.refusal }))
  }

  /** Applies a command as the next entry. */
  apply(command: Command): WriteAnswer | undefined {
    this.#raftIndex += 1
    return this.store.apply({ index: this.#raftIndex, term: TERM, stampMs: this.elapsedMs }, command)
  }

  /** Removes what is due. */
  expire(): void {
    this.apply({ kind: 'expire', term: TERM })
  }

  /** Lets everything go that was held, in order, and holds no more. */
  release(): void {
    this.holds = false
    for (const go of this.held.splice(0)) go()
  }

  members(): readonly MemberJson[] {
    return this.store.members.list()
  }

  learners(): readonly string[] {
    return this.learnerIds
  }

  leader(): string | undefined {
    return this.knowsLeader ? MEMBER_ID : undefined
  }

  healthy(done: (ok: boolean) => void): void {
    done(this.knowsLeader)
  }

  selfStats(): SelfStats {
    return {
      name: 'n1',
      id: MEMBER_ID,
      state: this.leads ? 'StateLeader' : 'StateFollower',
      startWallMs: WALL_MS - 10_000,
      leader: this.leader() ?? '',
      leaderSinceWallMs: WALL_MS - 9_250,
      recvAppendRequestCnt: 0,
      recvPkgRate: 0,
      recvBandwidthRate: 0,
      sendAppendRequestCnt: 6,
      sendPkgRate: 1.5,
      sendBandwidthRate: 0,
    }
  }

  leaderStats(): readonly FollowerStats[] | undefined {
    return this.leads ? this.followers : undefined
  }

  storeStats(): StoreStatsJson {
    return this.store.stats
  }

  raftView(): RaftView {
    return this.raft
  }

  peerTraffic(): readonly PeerTraffic[] {
    return this.peers
  }

  async metricsText(): Promise<string> {
    return '# HELP fake A fake.\n# TYPE fake gauge\nfake 1\n'
  }

  #soon(act: () => void): void {
    if (this.holds) this.held.push(act)
    else act()
  }
}
