/**
 * What this member counts about its talk with others, for `/v2/stats/self` and `/v2/stats/leader`.
 *
 * Owns: append counters, rates, and each follower's latency as its leader measured it. Decides nothing.
 */
import type { Message } from '../raft/message.ts'
import type { Index, MemberId } from '../raft/types.ts'

/** Latency of one follower's acknowledgements, in seconds. */
export interface FollowerLatency {
  current: number
  average: number
  /** Of the squares, for the standard deviation. */
  averageSquare: number
  minimum: number
  maximum: number
}

export interface FollowerCounts {
  readonly latency: FollowerLatency
  fail: number
  success: number
  /** The append being timed; one at a time is enough for an average. */
  sampleIndex: Index
  sampleSentMs: number
}

function emptyCounts(): FollowerCounts {
  return {
    latency: { current: 0, average: 0, averageSquare: 0, minimum: 0, maximum: 0 },
    fail: 0,
    success: 0,
    sampleIndex: 0,
    sampleSentMs: 0,
  }
}

export class ReplicaStats {
  appendsSent = 0
  appendsReceived = 0
  /** Messages of peers that found the inbox full. */
  messagesDropped = 0
  /** How often a leader became known. */
  leaderChanges = 0
  readonly followers = new Map<MemberId, FollowerCounts>()

  /** Messages leave now. */
  sent(messages: readonly Message[], nowMs: number): void {
    for (const message of messages) {
      if (message.kind !== 'append') continue
      this.appendsSent++
      const counts = this.#of(message.to)
      const last = message.entries.at(-1)
      if (last === undefined || counts.sampleIndex !== 0) continue
      counts.sampleIndex = last.index
      counts.sampleSentMs = nowMs
    }
  }

  /** Messages came in. */
  received(messages: readonly Message[], nowMs: number): void {
    for (const message of messages) {
      if (message.kind === 'append') this.appendsReceived++
      if (message.kind !== 'appendReply') continue
      const counts = this.#of(message.from)
      if (message.rejected) {
        counts.fail++
        counts.sampleIndex = 0
        continue
      }
      counts.success++
      if (counts.sampleIndex === 0 || message.matchIndex < counts.sampleIndex) continue
      counts.sampleIndex = 0
      this.#measured(counts, (nowMs - counts.sampleSentMs) / 1000)
    }
  }

  /** A message to `id` was dropped. */
  failed(id: MemberId): void {
    const counts = this.#of(id)
    counts.fail++
    counts.sampleIndex = 0
  }

  /** Members that left are counted no more. */
  keepOnly(isKept: (id: MemberId) => boolean): void {
    for (const id of this.followers.keys()) if (!isKept(id)) this.followers.delete(id)
  }

  /** A new leader counts from zero. */
  reset(): void {
    this.followers.clear()
  }

  #measured(counts: FollowerCounts, seconds: number): void {
    const latency = counts.latency
    const first = latency.maximum === 0
    latency.current = seconds
    latency.minimum = first ? seconds : Math.min(latency.minimum, seconds)
    latency.maximum = Math.max(latency.maximum, seconds)
    // An exponential mean over about a hundred samples: it forgets, so a slow start does not stain it for ever.
    const weight = first ? 1 : 0.01
    latency.average += weight * (seconds - latency.average)
    latency.averageSquare += weight * (seconds * seconds - latency.averageSquare)
  }

  #of(id: MemberId): FollowerCounts {
    let counts = this.followers.get(id)
    if (counts === undefined) {
      counts = emptyCounts()
      this.followers.set(id, counts)
    }
    return counts
  }
}
