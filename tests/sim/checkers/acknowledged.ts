/**
 * No acknowledged write is lost; what is answered is what was applied; a definite "no" was never applied.
 *
 * A write whose fate is unknown may stand in the log or not. "No leader" and "overloaded" promise that it does not, now and
 * for ever.
 */
import type { ConditionCode } from '../../../src/replica/ports.ts'
import type { Outcome } from '../../../src/store/outcome.ts'
import type { Applied, Checker, EndState, Write } from '../checker.ts'
import { wrong } from '../failure.ts'

const NEVER_APPLIED: readonly ConditionCode[] = ['MUSTER_NO_LEADER', 'MUSTER_OVERLOADED']

export class AcknowledgedChecker implements Checker {
  readonly name = 'acknowledged'
  readonly #writes = new Map<string, Write>()
  readonly #outcomes = new Map<string, Outcome | undefined>()
  /** Applied before the client's call returned, which must not be. */
  #acknowledged = 0

  /** Writes with an answer that must hold for ever. */
  get acknowledgedCount(): number {
    return this.#acknowledged
  }

  asked(write: Write): void {
    this.#writes.set(`${write.origin}#${write.seq}`, write)
  }

  applied({ entry, outcome, first }: Applied): void {
    if (!first) return
    const key = `${entry.origin}#${entry.seq}`
    const write = this.#writes.get(key)
    if (write === undefined) return
    write.appliedIndex = entry.index
    this.#outcomes.set(key, outcome)
    this.#checkNever(write)
  }

  answered(write: Write): void {
    this.#checkNever(write)
    const { answer } = write
    if (answer === undefined || typeof answer === 'string') return
    const key = `${write.origin}#${write.seq}`
    if (write.appliedIndex === undefined) throw wrong(`${key} ${write.command.kind} was answered and not applied`)
    const outcome = this.#outcomes.get(key)
    if (outcome === undefined || brief(outcome) !== brief(answer)) {
      throw wrong(
        `${key} was answered ${brief(answer)}, and applied with ${outcome === undefined ? 'nothing' : brief(outcome)}`,
      )
    }
    this.#acknowledged++
  }

  ended(members: readonly EndState[]): void {
    for (const { member, store } of members) {
      for (const [key, write] of this.#writes) {
        if (typeof write.answer === 'string' || write.answer === undefined || write.appliedIndex === undefined) continue
        if (write.appliedIndex > store.appliedIndex) {
          throw wrong(
            `${key} was acknowledged at ${write.appliedIndex}; ${member.name} ends at ${store.appliedIndex} without it`,
          )
        }
      }
    }
  }

  #checkNever(write: Write): void {
    const { answer, appliedIndex } = write
    if (typeof answer !== 'string' || !NEVER_APPLIED.includes(answer) || appliedIndex === undefined) return
    throw wrong(`${write.origin}#${write.seq} was refused with ${answer}, and stands in the log at ${appliedIndex}`)
  }
}

function brief(outcome: Outcome): string {
  if (!outcome.ok) return `error ${outcome.code} (${outcome.cause}) at ${outcome.storeIndex}`
  const { action, index, node } = outcome.event
  return `${action} ${node.key}=${node.value ?? ''} at ${index}`
}
