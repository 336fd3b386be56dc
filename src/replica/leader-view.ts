/**
 * Who leads, since when, and what the replicated clock reads now: the view that clients are shown.
 *
 * Owns: the last role view, the moments of its changes, the clock between two stamps. Decides nothing: the core does.
 */
import type { RoleView } from '../raft/ready.ts'
import type { MemberId, Term } from '../raft/types.ts'
import type { Clock, ConditionCode, Log } from './ports.ts'

export interface LeaderViewParts {
  readonly id: MemberId
  readonly clock: Clock
  readonly log: Log
  /** Without news of the replicated clock it is shown to go on for so long, milliseconds. */
  readonly clockAheadMsMax: number
  /** The member's term when it starts. */
  readonly term: Term
  /** Where changes of the leader are counted. */
  readonly stats: { leaderChanges: number }
}

export class LeaderView {
  readonly #parts: LeaderViewParts
  #role: RoleView
  #sinceWallMs = 0
  /** Monotonic time of the same. */
  #changedMs: number
  #heardMs: number
  #clockSeenMs = 0
  #clockSeenAtMs: number

  constructor(parts: LeaderViewParts) {
    this.#parts = parts
    this.#role = { role: 'follower', term: parts.term, leader: undefined }
    this.#changedMs = parts.clock.monotonicMs()
    this.#heardMs = this.#changedMs
    this.#clockSeenAtMs = this.#changedMs
  }

  get role(): RoleView {
    return this.#role
  }

  /** Wall time at which the leader became known, or was lost; 0 when there never was one. */
  get sinceWallMs(): number {
    return this.#sinceWallMs
  }

  /** A peer was heard of. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs
  }

  /** Why a write that was handed to a leader, and began at `startedMs`, may have heard nothing until now. */
  explain(startedMs: number): ConditionCode {
    if (this.#changedMs >= startedMs) return 'MUSTER_TIMEOUT_LEADER_LOST'
    return this.#heardMs < startedMs ? 'MUSTER_TIMEOUT_CONNECTION_LOST' : 'MUSTER_TIMEOUT'
  }

  /** The core's view changed. Returns whether this member has just become the leader. */
  change(view: RoleView, nowMs: number): boolean {
    const before = this.#role
    const { id, clock, log, stats } = this.#parts
    this.#role = view
    if (before.leader !== view.leader) {
      this.#changedMs = nowMs
      this.#sinceWallMs = clock.wallMs()
      if (view.leader !== undefined) stats.leaderChanges += 1
      if (view.leader === undefined) log.warn({ term: view.term }, 'there is no leader')
      else if (view.leader === id) log.info({ term: view.term }, 'this member leads')
      else log.info({ term: view.term, leader: view.leader }, 'following a leader')
    }
    return before.role !== view.role && view.role === 'leader'
  }

  /** The core's replicated clock at `nowMs`. */
  noteClock(clockMs: number, nowMs: number): void {
    if (clockMs === this.#clockSeenMs) return
    this.#clockSeenMs = clockMs
    this.#clockSeenAtMs = nowMs
  }

  /** The replicated clock as this member can know it now. Stands still while there is no leader. */
  clockNowMs(): number {
    if (this.#role.leader === undefined) return this.#clockSeenMs
    const sinceMs = this.#parts.clock.monotonicMs() - this.#clockSeenAtMs
    return this.#clockSeenMs + Math.min(Math.max(sinceMs, 0), this.#parts.clockAheadMsMax)
  }
}
