/**
 * How much went between members in the last second or so, for `/v2/stats/self`.
 *
 * Owns: the looks at counters that only grow. etcd takes the rate over its last 200 messages; between two looks of a second it
 * is as current, and costs nothing per message.
 */

/** Counters since the process started. */
export interface TrafficCounts {
  readonly sentAppends: number
  readonly sentBytes: number
  readonly receivedAppends: number
  readonly receivedBytes: number
}

/** Each per second; 0 while there was nothing. */
export type TrafficRates = TrafficCounts

/** Between two looks. Milliseconds. */
const LOOK_MS = 1000
const NONE: TrafficCounts = { sentAppends: 0, sentBytes: 0, receivedAppends: 0, receivedBytes: 0 }

/** Looks at counters once a second, until `end`. */
export class TrafficMeter {
  readonly #counts: TrafficCounts
  readonly #nowMs: () => number
  readonly #timer: NodeJS.Timeout
  #before: TrafficCounts
  #lookedMs: number
  #rates: TrafficRates = NONE

  /** @param counts Read at every look. @param nowMs A monotonic clock. */
  constructor(counts: TrafficCounts, nowMs: () => number) {
    this.#counts = counts
    this.#nowMs = nowMs
    this.#before = copyOf(counts)
    this.#lookedMs = nowMs()
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref()
  }

  /** What the last look found. */
  get rates(): TrafficRates {
    return this.#rates
  }

  look(): void {
    const nowMs = this.#nowMs()
    const elapsedMs = nowMs - this.#lookedMs
    if (elapsedMs <= 0) return
    const counts = copyOf(this.#counts)
    const before = this.#before
    const rate = (name: keyof TrafficCounts): number => ((counts[name] - before[name]) * 1000) / elapsedMs
    this.#rates = {
      sentAppends: rate('sentAppends'),
      sentBytes: rate('sentBytes'),
      receivedAppends: rate('receivedAppends'),
      receivedBytes: rate('receivedBytes'),
    }
    this.#before = counts
    this.#lookedMs = nowMs
  }

  end(): void {
    clearInterval(this.#timer)
  }
}

function copyOf({ sentAppends, sentBytes, receivedAppends, receivedBytes }: TrafficCounts): TrafficCounts {
  return { sentAppends, sentBytes, receivedAppends, receivedBytes }
}
