/**
 * What arrived since the last turn: messages of peers, ticks, a snapshot that was staged.
 *
 * Owns: the bound on messages, and that whoever offered a snapshot hears once what became of it. Leaves to `replica.ts` the
 * order in which the core gets it all.
 */
import assert from 'node:assert'
import type { InstallSnapshot, Message } from '../raft/message.ts'
import type { Staged } from './parts.ts'

/** A staged snapshot on its way into the core. */
export interface Offer {
  readonly message: InstallSnapshot
  readonly staged: Staged
  /** Hears whether the core took it. */
  readonly done: (accepted: boolean) => void
}

export class Inbox {
  readonly #messagesMax: number
  #messages: Message[] = []
  #ticks = 0
  #offer: Offer | undefined

  /** @param messagesMax messages that may wait for a turn. More are dropped: raft sends again, but for proposals. */
  constructor(messagesMax: number) {
    this.#messagesMax = messagesMax
  }

  /** Returns how many found it full and were dropped. */
  add(messages: readonly Message[]): number {
    let dropped = 0
    for (const message of messages) {
      if (this.#messages.length >= this.#messagesMax) dropped++
      else this.#messages.push(message)
    }
    return dropped
  }

  /** All messages, in the order in which they came; none are left. */
  take(): readonly Message[] {
    const messages = this.#messages
    if (messages.length > 0) this.#messages = []
    return messages
  }

  tick(): void {
    this.#ticks++
  }

  /** Units of logical time since the last call. */
  takeTicks(): number {
    const ticks = this.#ticks
    this.#ticks = 0
    return ticks
  }

  /** The snapshot that waits for a turn. */
  get offer(): Offer | undefined {
    return this.#offer
  }

  /** Takes a staged snapshot, one at a time. Returns whether there was room. */
  addOffer(offer: Offer): boolean {
    assert.equal(offer.message.snapshot.index, offer.staged.store.appliedIndex, 'staged rows are those of the offer')
    if (this.#offer !== undefined) return false
    this.#offer = offer
    return true
  }

  /** Tells whoever offered a snapshot what became of it, if one waits. */
  settleOffer(accepted: boolean): void {
    const offer = this.#offer
    if (offer === undefined) return
    this.#offer = undefined
    offer.done(accepted)
  }
}
