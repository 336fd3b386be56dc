/**
 * The history of the store is one total order: each event has the next store index, and no index names two events
 * (user-needs.md, K3, K5, W5).
 */
import type { Event } from '../../../src/store/event.ts'
import type { Applied, Checker } from '../checker.ts'
import { wrong } from '../failure.ts'

export class TotalOrderChecker implements Checker {
  readonly name = 'total order'
  readonly #at = new Map<number, number>()
  readonly #eventAt = new Map<number, string>()
  #last = 0

  applied({ member, entry, command, outcome, events, first }: Applied): void {
    for (const event of events) this.#see(member.name, entry.index, event)
    if (!first) return
    const made = outcome?.ok === true && !outcome.event.refresh ? 1 : 0
    if (command?.kind !== 'expire' && events.length !== made) {
      throw wrong(`entry ${entry.index} made ${events.length} events where ${made} were due`)
    }
    for (const event of events) {
      if (event.index <= this.#last) throw wrong(`event ${event.index} came after ${this.#last}`)
      this.#last = event.index
    }
    if (outcome?.ok === true && outcome.event.refresh) this.#last = outcome.event.index
  }

  #see(name: string, entryIndex: number, event: Event): void {
    const text = `${event.action} ${event.node.key} ${event.node.value} ${event.prevNode?.modifiedIndex}`
    const known = this.#eventAt.get(event.index)
    if (known === undefined) {
      this.#eventAt.set(event.index, text)
      this.#at.set(event.index, entryIndex)
    } else if (known !== text || this.#at.get(event.index) !== entryIndex) {
      throw wrong(`${name} has "${text}" as event ${event.index} at entry ${entryIndex}; before it was "${known}"`)
    }
  }
}
