/**
 * Shows how far a transfer is: a line that rewrites itself on a terminal, a line now and then elsewhere, JSON for machines.
 *
 * Owns: the wording and pace. Standard error gets what passes, standard output what is asked for (with `--json`, everything).
 */
import process from 'node:process'
import type { Counts, NoteCode, Phase, Report } from '../../src/transfer/progress.ts'

const TERMINAL_MS = 200
const LINES_MS = 5_000
const BAR_CHARS = 24
/** The same note is not printed again before so many milliseconds. */
const NOTE_AGAIN_MS = 5_000

const WORDS: Readonly<Record<Phase, string>> = {
  looking: 'looking at both sides',
  copying: 'copying',
  following: 'following',
  verifying: 'verifying',
  writing: 'writing',
  done: 'done',
}

/** One display for one transfer. Call `end` before the process does. */
export class Display implements Report {
  readonly #json: boolean
  readonly #counts: Counts
  readonly #terminal: boolean
  readonly #timer: NodeJS.Timeout
  readonly #notedMs = new Map<string, number>()
  #phase: Phase = 'looking'
  #total: number | undefined
  #lineShown = false
  #rateAtMs = performance.now()
  #rateFrom = 0
  #rate = 0

  constructor(counts: Counts, json: boolean) {
    this.#counts = counts
    this.#json = json
    this.#terminal = !json && process.stderr.isTTY === true
    this.#timer = setInterval(() => this.#show(), this.#terminal ? TERMINAL_MS : LINES_MS)
  }

  /** How many nodes there will be, once that is known. */
  expect(nodes: number): void {
    this.#total = nodes
  }

  get currentPhase(): Phase {
    return this.#phase
  }

  phase(phase: Phase): void {
    if (phase === this.#phase && phase !== 'looking') return
    this.#phase = phase
    if (this.#json) this.#emit({ event: 'phase', phase })
    else if (this.#terminal) this.#show()
    else this.#line(`${WORDS[phase]}${this.#total === undefined ? '' : ` ${group(this.#total)} nodes`}`)
  }

  note(code: NoteCode, text: string): void {
    const key = `${code} ${text}`
    const nowMs = performance.now()
    if (nowMs - (this.#notedMs.get(key) ?? Number.NEGATIVE_INFINITY) < NOTE_AGAIN_MS) return
    if (this.#notedMs.size > 1_000) this.#notedMs.clear()
    this.#notedMs.set(key, nowMs)
    if (this.#json) this.#emit({ event: 'note', code, text })
    else this.#line(text)
  }

  /** A sentence of the command itself, on standard error. */
  say(text: string): void {
    if (this.#json) this.#emit({ event: 'say', text })
    else this.#line(text)
  }

  /** The last word: JSON with `--json`, else lines on standard output. */
  result(fields: object, lines: readonly string[]): void {
    this.#clear()
    if (this.#json) this.#emit({ event: 'result', ...fields })
    else for (const line of lines) process.stdout.write(`${line}\n`)
  }

  end(): void {
    clearInterval(this.#timer)
    this.#clear()
  }

  #show(): void {
    const { read, written, equal, removed, events, behind, compared, left } = this.#counts
    if (this.#json) {
      this.#emit({ event: 'progress', phase: this.#phase, ...this.#counts })
      return
    }
    const done = this.#phase === 'verifying' ? compared : this.#phase === 'following' ? events : read
    this.#measure(done)
    const parts = [WORDS[this.#phase]]
    if (this.#phase === 'following') parts.push(`${group(events)} changes`, `${group(behind)} behind`)
    else if (this.#phase === 'verifying') parts.push(`${group(compared)} compared`)
    else parts.push(this.#bar(read), `${group(read)} read`, `${group(written)} written`, `${group(equal)} equal`)
    if (left > 0) parts.push(`${group(left)} differ, looking again`)
    if (removed > 0) parts.push(`${group(removed)} removed`)
    if (this.#rate > 0) parts.push(`${group(this.#rate)}/s`)
    const text = parts.filter((part) => part !== '').join('  ')
    if (!this.#terminal) {
      this.#line(text)
      return
    }
    process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`)
    this.#lineShown = true
  }

  #bar(read: number): string {
    if (this.#total === undefined || this.#total === 0) return ''
    const share = Math.min(1, read / this.#total)
    const full = Math.round(share * BAR_CHARS)
    return `[${'#'.repeat(full)}${'.'.repeat(BAR_CHARS - full)}] ${Math.floor(share * 100)}%`
  }

  #measure(done: number): void {
    const nowMs = performance.now()
    if (done < this.#rateFrom) this.#rateFrom = 0
    if (nowMs - this.#rateAtMs < 1_000) return
    this.#rate = Math.round(((done - this.#rateFrom) * 1000) / (nowMs - this.#rateAtMs))
    this.#rateAtMs = nowMs
    this.#rateFrom = done
  }

  #line(text: string): void {
    this.#clear()
    process.stderr.write(`${text}\n`)
  }

  #clear(): void {
    if (this.#lineShown) process.stderr.write('\r\x1b[K')
    this.#lineShown = false
  }

  #emit(fields: object): void {
    process.stdout.write(`${JSON.stringify(fields)}\n`)
  }
}

/** 1,234,567. */
export function group(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}
