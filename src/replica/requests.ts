/**
 * What clients of this member ask for, on its way in.
 *
 * Owns: refusing when there is no room or this member stops, numbering, deadlines. Leaves to others: waiting (`waiters.ts`), when
 * what waits is proposed (`replica.ts`).
 */
import { crc32 } from 'node:zlib'
import { EntryKind, type MemberId, type Proposal } from '../raft/types.ts'
import type { Command } from '../store/command.ts'
import { encodeCommand } from '../store/command-codec.ts'
import type { StateMachine } from '../store/state-machine.ts'
import type { ChangeProposer, MemberAnswer, MemberChanges } from './member-changes.ts'
import { encodeMemberChange, type MemberRequest } from './member-entry.ts'
import type { Clock, Condition } from './ports.ts'
import { condition, type Waiters, type WriteAnswer } from './waiters.ts'

export interface RequestsParts {
  readonly id: MemberId
  readonly store: Pick<StateMachine, 'members'>
  readonly clock: Clock
  readonly waiters: Waiters
  readonly changes: MemberChanges
  /** How long each may wait, milliseconds. */
  readonly waitMsMax: number
  /** First number of this process; far from those of earlier ones. */
  readonly firstSeq: number
}

export class Requests {
  readonly #parts: RequestsParts
  #nextSeq: number
  #stopped = false

  constructor(parts: RequestsParts) {
    this.#parts = parts
    this.#nextSeq = parts.firstSeq
  }

  /** Number of the latest request, of a client or of this member's own. */
  get lastSeq(): number {
    return this.#nextSeq - 1
  }

  get isStopped(): boolean {
    return this.#stopped
  }

  /** A write. Returns whether it waits; otherwise `done` was called. */
  write(command: Command, done: (answer: WriteAnswer) => void): boolean {
    const { clock, waiters, waitMsMax } = this.#parts
    const proposal = this.proposal(command)
    const refusal = this.#refusal(proposal.data.length)
    if (refusal !== undefined) {
      done(refusal)
      return false
    }
    const startedMs = clock.monotonicMs()
    waiters.addWrite({ proposal, command, done, startedMs, deadlineMs: startedMs + waitMsMax, proposedTerm: 0 })
    return true
  }

  /** A linearizable read; see `write`. */
  read(done: (refused: Condition | undefined) => void, waitMsMax = this.#parts.waitMsMax): boolean {
    const refusal = this.#refusal(0)
    if (refusal === undefined) this.#parts.waiters.addRead(done, this.#parts.clock.monotonicMs() + waitMsMax)
    else done(refusal)
    return refusal === undefined
  }

  /** A change of the membership; see `write`. */
  change(request: MemberRequest, done: (answer: MemberAnswer) => void): boolean {
    const { clock, changes, waitMsMax } = this.#parts
    if (this.#stopped) done(condition('MUSTER_STOPPED'))
    else if (changes.add(request, done, clock.monotonicMs() + waitMsMax)) return true
    else done(condition('MUSTER_OVERLOADED'))
    return false
  }

  /** The next proposal of this member: `command`, numbered. */
  proposal(command: Command): Proposal {
    return this.#number(EntryKind.command, encodeCommand(command))
  }

  /** Makes changes of the membership, and proposals of them. */
  readonly changeProposer: ChangeProposer = {
    prepare: (request) => {
      if (request.kind !== 'update') return request
      // 0 where this member has not heard of the other yet: then the change is overtaken, and prepared anew when it has.
      return { ...request, seenIndex: this.#parts.store.members.modifiedIndexOf(request.id) }
    },
    number: (change) => this.#number(EntryKind.membership, encodeMemberChange(change)),
  }

  /** Everybody who waits is told that this member stops; nobody may wait any more. */
  stop(): void {
    this.#stopped = true
    this.#parts.waiters.endAll('MUSTER_STOPPED')
    this.#parts.changes.endAll('MUSTER_STOPPED')
  }

  #refusal(bytes: number): Condition | undefined {
    if (this.#stopped) return condition('MUSTER_STOPPED')
    return this.#parts.waiters.hasRoom(bytes) ? undefined : condition('MUSTER_OVERLOADED')
  }

  #number(kind: EntryKind, data: Uint8Array): Proposal {
    return { kind, origin: this.#parts.id, seq: this.#nextSeq++, data, checksum: crc32(data) }
  }
}
