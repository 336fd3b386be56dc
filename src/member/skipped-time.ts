/**
 * Time that a test lets pass at once for the keys of the members that share it.
 *
 * Owns: how far their wall time is ahead, handing what is to pass to whoever leads, waiting until all have seen it. Leaves to others: what
 * falls due (the replica, as ever). Elections, timeouts and connections keep to true time: skipping an hour is no outage of one.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../replica/ports.ts'
import type { Replica } from '../replica/replica.ts'
import { systemClock } from './clock.ts'

/** What is asked of a member, and how it is woken. */
export interface TimedMember {
  readonly clusterId: string
  readonly replica: Pick<Replica, 'roleView' | 'clockNowMs'> & {
    readonly store: Pick<Replica['store'], 'nextDeadlineMs'>
  }
  readonly wake: () => void
}

/** So long is waited until every member has seen the time pass: there may be an election under way. Milliseconds. */
const PASS_MS_MAX = 30_000
const LOOK_MS = 1
/** A hundred years; longer than any key lives. Milliseconds. */
const SKIP_MS_MAX = 100 * 365 * 24 * 3_600_000

/** One time for any number of members, of one cluster or several. */
export class SkippedTime {
  #aheadMs = 0
  #passing: Promise<void> = Promise.resolve()
  readonly #members = new Set<MemberTime>()

  /** How far wall time is ahead of the system's, milliseconds. */
  get aheadMs(): number {
    return this.#aheadMs
  }

  /** The clock of one more member, which counts as one of those that share this time from `attend` to `leave`. */
  join(): MemberTime {
    return new MemberTime(this, this.#members)
  }

  /**
   * Lets time pass. Resolves once every member that runs has seen it, and what fell due by then is gone. One call at a time; others
   * wait for it.
   *
   * @param ms whole milliseconds, 0 to `SKIP_MS_MAX`.
   * @throws RangeError on another number; an Error when no member runs, or some do not follow a leader for half a minute; the
   * signal's reason.
   */
  advance(ms: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const isPossible = Number.isInteger(ms) && ms >= 0 && ms <= SKIP_MS_MAX
    if (!isPossible) return Promise.reject(new RangeError(`time advances by 0 to ${SKIP_MS_MAX} ms, not ${ms}`))
    const passed = this.#passing.then(() => this.#pass(ms, signal))
    this.#passing = passed.catch(() => {})
    return passed
  }

  async #pass(ms: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    this.#assertShared()
    // The furthest of each cluster: its followers know the clock as they last heard of it.
    const targetsMs = new Map<string, number>()
    for (const { clusterId, clockMs } of this.#members) {
      targetsMs.set(clusterId, Math.max(targetsMs.get(clusterId) ?? 0, clockMs + ms))
    }
    const targetOf = ({ clusterId }: MemberTime): number => targetsMs.get(clusterId) ?? 0
    this.#aheadMs += ms
    const untilMs = systemClock.monotonicMs() + PASS_MS_MAX
    for (;;) {
      this.#assertShared()
      const members = [...this.#members]
      if (members.every((member) => member.hasSeen(targetOf(member)))) return
      if (systemClock.monotonicMs() > untilMs) {
        throw new Error('not every server with this clock follows one leader: time did not pass for all of them')
      }
      for (const member of members) member.passUntil(targetOf(member))
      await wait(LOOK_MS, undefined, { ...(signal && { signal }) }).catch((error: unknown) => {
        throw signal?.reason ?? error
      })
    }
  }

  #assertShared(): void {
    if (this.#members.size === 0) throw new Error('time passes only while a server runs with this clock')
  }
}

/** The clock of one member. */
class MemberTime implements Clock {
  readonly #time: SkippedTime
  readonly #all: Set<MemberTime>
  #member: TimedMember | undefined
  #skippedMs = 0

  constructor(time: SkippedTime, all: Set<MemberTime>) {
    this.#time = time
    this.#all = all
  }

  /** From now on the member lives by this time. */
  attend(member: TimedMember): void {
    this.#member = member
    this.#all.add(this)
  }

  /** It has stopped. */
  leave(): void {
    this.#all.delete(this)
  }

  monotonicMs(): number {
    return systemClock.monotonicMs()
  }

  wallMs(): number {
    return systemClock.wallMs() + this.#time.aheadMs
  }

  skippedMs(): number {
    const ms = this.#skippedMs
    this.#skippedMs = 0
    return ms
  }

  get clusterId(): string {
    return this.#attended.clusterId
  }

  /** The replicated clock as the member knows it, milliseconds. */
  get clockMs(): number {
    return this.#attended.replica.clockNowMs()
  }

  /** Whether its clock has come so far, and nothing is left that fell due by then. */
  hasSeen(targetMs: number): boolean {
    const { store } = this.#attended.replica
    return this.clockMs >= targetMs && (store.nextDeadlineMs() ?? Number.POSITIVE_INFINITY) > targetMs
  }

  /** Its next turn passes what is missing, if it leads then; a leader that is just deposed passes nothing, and is not asked again. */
  passUntil(targetMs: number): void {
    const { replica, wake } = this.#attended
    const isLeading = replica.roleView.role === 'leader'
    this.#skippedMs = isLeading ? Math.max(0, Math.ceil(targetMs - replica.clockNowMs())) : 0
    wake()
  }

  get #attended(): TimedMember {
    if (this.#member === undefined) throw new Error('a member attends before its clock is asked')
    return this.#member
  }
}
