/**
 * Looks at one service again and again, and says so when its status changes.
 *
 * Owns: the loop, the time limit of each look, looking more often until the first success. Leaves to others: one look, counting.
 */
import type { Gate } from '../gate.ts'
import { Alarm } from '../pause.ts'
import type { Check, CheckResult, CheckTarget } from './check.ts'
import { checkCommand } from './command-check.ts'
import { checkHttp } from './http-check.ts'
import { Tally } from './tally.ts'
import { checkTcp } from './tcp-check.ts'

/** A service that comes up is looked at so often at least, so that it need not wait for its first traffic. Milliseconds. */
const EAGER_MS = 500
/** After so many looks it is not coming up, and is looked at as others are. */
const EAGER_LOOKS_MAX = 120

export class Checker {
  readonly #check: Check
  readonly #gate: Gate
  readonly #tally: Tally
  readonly #onChange: (result: CheckResult) => void
  readonly #over = new AbortController()
  readonly #alarm = new Alarm()
  readonly #running: Promise<void>
  readonly #firstLook = Promise.withResolvers<void>()

  /** @param onChange is called with the new status and the look that led to it, never with the initial one, nor after `close`. */
  constructor(check: Check, gate: Gate, onChange: (result: CheckResult) => void) {
    this.#check = check
    this.#gate = gate
    this.#onChange = onChange
    this.#tally = new Tally(check)
    this.#running = this.#run()
  }

  get status(): CheckResult['status'] {
    return this.#tally.status
  }

  /** Resolves when the first look has been counted, or is given up. */
  get firstLook(): Promise<void> {
    return this.#firstLook.promise
  }

  /** Ends the look under way; resolves when nothing runs any more. */
  close(): Promise<void> {
    this.#over.abort()
    this.#alarm.poke()
    return this.#running
  }

  async #run(): Promise<void> {
    try {
      await this.#lookAgainAndAgain()
    } finally {
      this.#firstLook.resolve()
    }
  }

  async #lookAgainAndAgain(): Promise<void> {
    const { intervalMs, timeoutMs, target } = this.#check
    let eagerLooks = EAGER_LOOKS_MAX
    while (!this.#over.signal.aborted) {
      const result = await this.#gate.run(() => this.#look(target, timeoutMs))
      if (this.#over.signal.aborted) return
      const before = this.#tally.status
      const status = this.#tally.note(result)
      if (status !== before) this.#onChange({ status, output: result.output })
      this.#firstLook.resolve()
      eagerLooks = status === 'critical' ? Math.max(0, eagerLooks - 1) : 0
      const pauseMs = eagerLooks > 0 ? Math.min(intervalMs, EAGER_MS) : intervalMs * (0.95 + Math.random() / 10)
      await this.#alarm.sleepUntil(performance.now() + pauseMs)
    }
  }

  async #look(target: CheckTarget, timeoutMs: number): Promise<CheckResult> {
    // A timer of our own: one of AbortSignal.timeout would outlive the look.
    const over = new AbortController()
    const end = (): void => over.abort()
    const timer = setTimeout(end, timeoutMs)
    this.#over.signal.addEventListener('abort', end, { once: true })
    // Closed while it waited for its turn.
    if (this.#over.signal.aborted) end()
    try {
      return await lookAt(target, over.signal)
    } finally {
      clearTimeout(timer)
      this.#over.signal.removeEventListener('abort', end)
    }
  }
}

function lookAt(target: CheckTarget, signal: AbortSignal): Promise<CheckResult> {
  switch (target.kind) {
    case 'http':
      return checkHttp(target.url, signal)
    case 'tcp':
      return checkTcp(target.host, target.port, signal)
    case 'cmd':
      return checkCommand(target.command, signal)
  }
}
