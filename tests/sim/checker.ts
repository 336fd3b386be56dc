/**
 * What a checker may watch.
 *
 * Owns: the moments of a run as checkers see them, and the shape of a client's request. Checkers throw `wrong(…)`
 * (failure.ts) and change nothing.
 */
import type { RaftStatus } from '../../src/raft/raft.ts'
import type { Entry, MemberId } from '../../src/raft/types.ts'
import type { ConditionCode } from '../../src/replica/ports.ts'
import type { DiskWrite } from '../../src/replica/turn.ts'
import type { Command } from '../../src/store/command.ts'
import type { Event } from '../../src/store/event.ts'
import type { Outcome } from '../../src/store/outcome.ts'
import type { StateMachine } from '../../src/store/state-machine.ts'

/** A live member as a checker may look at it. */
export interface WatchedMember {
  readonly id: MemberId
  readonly name: string
  /** Number of its process; 0 when none runs. */
  readonly life: number
}

/** A member applied an entry. */
export interface Applied {
  readonly member: WatchedMember
  readonly entry: Entry
  readonly command: Command | undefined
  readonly outcome: Outcome | undefined
  /** Every event that it made, those of refreshes left out. */
  readonly events: readonly Event[]
  readonly store: StateMachine
  readonly atMs: number
  /** No member applied this index before. */
  readonly first: boolean
}

/** A write that a client asked for. */
export interface Write {
  readonly command: Command
  readonly member: WatchedMember
  readonly origin: MemberId
  /** The member's number for it. */
  readonly seq: number
  readonly askedMs: number
  /** What was known to be in the log when it was asked: its place must come after that. */
  readonly floorIndex: number
  /** Undefined while nothing was heard. */
  answer: Outcome | ConditionCode | undefined
  /** Where it stands in the log, once somebody applied it. */
  appliedIndex: number | undefined
}

/** A quorum read that was answered: the tree of `member` may be read. */
export interface QuorumRead {
  readonly member: WatchedMember
  readonly store: StateMachine
  readonly path: string
  readonly floorIndex: number
}

/** A member at the end of a run. */
export interface EndState {
  readonly member: WatchedMember
  readonly store: StateMachine
  readonly status: RaftStatus
  readonly clockNowMs: number
}

/** Every method is optional for who does not care. */
export interface Checker {
  readonly name: string
  /** A process began with `store` read from disk, and `entries` in its log. */
  started?(member: WatchedMember, store: StateMachine, entries: readonly Entry[]): void
  crashed?(member: WatchedMember): void
  /** A turn was polled. */
  turned?(member: WatchedMember, write: DiskWrite, status: TurnView): void
  /** A snapshot became the state of `member`. */
  installed?(member: WatchedMember, store: StateMachine): void
  applied?(applied: Applied): void
  asked?(write: Write): void
  answered?(write: Write): void
  read?(read: QuorumRead): void
  /** The run is over and the cluster was given time: these members are up. */
  ended?(members: readonly EndState[]): void
}

/** What a turn shows of a member. */
export interface TurnView {
  readonly leads: boolean
  readonly term: number
  readonly nowMs: number
  /** What the turn adds to the log, as its rows say. */
  readonly entries: readonly Entry[]
}
