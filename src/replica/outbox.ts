/**
 * Messages on their way out.
 *
 * Owns: that an offer of a snapshot starts its transfer instead of travelling like other messages, and the count of what is
 * sent. Leaves to `replica.ts` when which messages may leave.
 */
import type { Message } from '../raft/message.ts'
import type { Transport } from './ports.ts'
import type { ReplicaStats } from './stats.ts'

export class Outbox {
  readonly #transport: Transport
  readonly #stats: ReplicaStats

  constructor(transport: Transport, stats: ReplicaStats) {
    this.#transport = transport
    this.#stats = stats
  }

  send(messages: readonly Message[], nowMs: number): void {
    if (messages.length === 0) return
    this.#stats.sent(messages, nowMs)
    let offers = 0
    for (const message of messages) {
      if (message.kind !== 'installSnapshot') continue
      offers++
      this.#transport.sendSnapshot(message.to, message)
    }
    this.#transport.send(offers === 0 ? messages : messages.filter((message) => message.kind !== 'installSnapshot'))
  }
}
