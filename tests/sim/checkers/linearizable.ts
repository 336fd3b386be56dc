/**
 * Writes and quorum reads are linearizable: whatever was asked after something was answered comes after it in the log.
 *
 * The log is the order, and `keys.ts` checks that values follow it; so what is left to check is real time. The world notes,
 * when something is asked, how far the log is known to reach by everything answered until then (`floorIndex`).
 */
import type { Checker, QuorumRead, Write } from '../checker.ts'
import { wrong } from '../failure.ts'

export class LinearizableChecker implements Checker {
  readonly name = 'linearizable'
  #floorIndex = 0

  /** Every write and read answered so far is at or before this place of the log. */
  get floorIndex(): number {
    return this.#floorIndex
  }

  answered(write: Write): void {
    if (typeof write.answer === 'string' || write.appliedIndex === undefined) return
    if (write.appliedIndex <= write.floorIndex) {
      throw wrong(
        `${write.origin}#${write.seq} stands at ${write.appliedIndex}, before ${write.floorIndex}, which was answered when it was asked`,
      )
    }
    this.#floorIndex = Math.max(this.#floorIndex, write.appliedIndex)
  }

  read({ member, store, path, floorIndex }: QuorumRead): void {
    if (store.appliedIndex < floorIndex) {
      throw wrong(
        `a quorum read of ${path} at ${member.name} sees ${store.appliedIndex}; ${floorIndex} was answered before it was asked`,
      )
    }
    this.#floorIndex = Math.max(this.#floorIndex, store.appliedIndex)
  }
}
