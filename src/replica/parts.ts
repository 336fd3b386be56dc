/**
 * What a replica is made of: its settings, and the parts that it is handed.
 *
 * Owns: the shapes and what each number is for. Leaves to `musterd.ts` where they come from.
 */
import type { RaftConfig } from '../raft/config.ts'
import type { StateMachine } from '../store/state-machine.ts'
import type { FlushBounds } from './flusher.ts'
import type { LogBounds } from './log-keeper.ts'
import type { Clock, Log, Transport } from './ports.ts'
import type { RaftState } from './raft-rows.ts'

export interface ReplicaSettings extends FlushBounds {
  readonly raft: RaftConfig
  readonly log: LogBounds
  /** Writes and quorum reads of this member's clients that may wait at once. */
  readonly requestsMax: number
  /** Bytes of the commands of those writes: what an election may cost in memory. */
  readonly requestBytesMax: number
  /** How long one of them may wait, milliseconds. */
  readonly requestMsMax: number
  /** A leader that was away this long steps down before it does anything else: the election timeout, milliseconds. */
  readonly awayMsMax: number
  /** How long a removed member still gets the log; see `StewardshipSettings`. Milliseconds. */
  readonly farewellMs: number
  /** Messages from peers that may wait for the next turn. More are dropped: raft sends again, but for proposals, whose origin waits. */
  readonly inboxMax: number
}

export interface ReplicaParts {
  readonly settings: ReplicaSettings
  readonly restored: RaftState
  readonly store: StateMachine
  readonly generation: number
  readonly transport: Transport
  readonly clock: Clock
  readonly log: Log
  /** First request number of this process; far from those of earlier ones. */
  readonly firstSeq: number
  /** Called when there is something to do and no turn is under way. */
  readonly wake: () => void
  /** Called when something is owed to followers that may wait a moment: `tellCommit` pays it. Without it the next tick does. */
  readonly later?: () => void
  /** Called once, inside a turn, when this member has applied its own removal. */
  readonly removed?: () => void
}

/** A snapshot whose rows stand on disk under a generation of their own. */
export interface Staged {
  readonly generation: number
  readonly store: StateMachine
}
