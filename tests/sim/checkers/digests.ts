/**
 * Equal digests at equal applied index, on every member, also after restarts and snapshots; and stamps never decrease.
 *
 * Walking the tree for each entry would cost more than the rest of the run, so it looks at every n-th index. Store index
 * and stamp are compared at each.
 */
import type { StateMachine } from '../../../src/store/state-machine.ts'
import type { Applied, Checker, EndState, WatchedMember } from '../checker.ts'
import { wrong } from '../failure.ts'

interface Marks {
  readonly storeIndex: number
  readonly stampMs: number
}

export class DigestsChecker implements Checker {
  readonly name = 'digests'
  readonly #every: number
  readonly #digests = new Map<number, string>()
  readonly #marks = new Map<number, Marks>()

  /** @param every looks at indexes that are a multiple of it. */
  constructor(every: number) {
    this.#every = every
  }

  started(member: WatchedMember, store: StateMachine): void {
    this.#compare(member, store, 'restarted')
  }

  installed(member: WatchedMember, store: StateMachine): void {
    this.#compare(member, store, 'installed a snapshot')
  }

  applied({ member, entry, store }: Applied): void {
    if (entry.index % this.#every === 0) this.#compareDigest(member, store, 'applied an entry')
    this.#compareMarks(member, store, 'applied an entry')
  }

  ended(members: readonly EndState[]): void {
    for (const { member, store } of members) this.#compareDigest(member, store, 'ended')
  }

  #compare(member: WatchedMember, store: StateMachine, when: string): void {
    if (store.appliedIndex === 0) return
    this.#compareMarks(member, store, when)
    this.#compareDigest(member, store, when)
  }

  #compareMarks(member: WatchedMember, store: StateMachine, when: string): void {
    const index = store.appliedIndex
    const { storeIndex, clockMs: stampMs } = store
    const known = this.#marks.get(index)
    if (known === undefined) {
      const before = this.#marks.get(index - 1)
      if (before !== undefined && (before.storeIndex > storeIndex || before.stampMs > stampMs)) {
        throw wrong(
          `store index or clock went back at ${index}: ${JSON.stringify(before)} to ${storeIndex}, ${stampMs}`,
        )
      }
      this.#marks.set(index, { storeIndex, stampMs })
    } else if (known.storeIndex !== storeIndex || known.stampMs !== stampMs) {
      throw wrong(
        `${member.name} ${when} and has store index ${storeIndex}, clock ${stampMs} at ${index}; others have ${JSON.stringify(known)}`,
      )
    }
  }

  #compareDigest(member: WatchedMember, store: StateMachine, when: string): void {
    const digest = store.digest()
    const known = this.#digests.get(store.appliedIndex)
    if (known === undefined) this.#digests.set(store.appliedIndex, digest)
    else if (known !== digest)
      throw wrong(`${member.name} ${when} and has another tree at ${store.appliedIndex} than others`)
  }
}
