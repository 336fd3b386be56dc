/**
 * How much of this machine's processors others had during a measurement, so that a bar in milliseconds is not missed, or
 * met, by the weather.
 *
 * Owns: the share, from the system's accounts: all processors' busy time less that of this process and of the processes
 * measured. Linux only; elsewhere nobody else is taken to have worked.
 */
import { readFileSync } from 'node:fs'

/** Others had more of the processors than this: the machine was not idle, and what was measured says little. */
const BUSY_SHARE = 0.15

interface Accounts {
  /** Ticks of all processors together. */
  readonly total: number
  readonly idle: number
  /** Ticks of the processes that are part of the measurement. */
  readonly ours: number
}

export class OtherWork {
  readonly #pids: readonly number[]
  readonly #start: Accounts | undefined

  /** Begins now. @param pids of the processes that are measured, all alive until `share` is asked for or not counted. */
  constructor(pids: readonly number[]) {
    this.#pids = [process.pid, process.ppid, ...pids]
    this.#start = accounts(this.#pids)
  }

  /** Share of all processors' time that others had so far, 0 to 1. */
  share(): number {
    const end = accounts(this.#pids)
    if (this.#start === undefined || end === undefined) return 0
    const total = end.total - this.#start.total
    const busy = total - (end.idle - this.#start.idle)
    return total <= 0 ? 0 : Math.min(1, Math.max(0, (busy - (end.ours - this.#start.ours)) / total))
  }

  /** Whether that was so much that the machine cannot be called idle. */
  wasBusy(): boolean {
    return this.share() > BUSY_SHARE
  }
}

function accounts(pids: readonly number[]): Accounts | undefined {
  try {
    const fields = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/).slice(1, 9).map(Number)
    const total = fields.reduce((sum, ticks) => sum + ticks, 0)
    return { total, idle: (fields[3] ?? 0) + (fields[4] ?? 0), ours: pids.reduce((sum, pid) => sum + ticksOf(pid), 0) }
  } catch {
    return undefined
  }
}

/** User and system time of a process; 0 when it is gone. */
function ticksOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}
