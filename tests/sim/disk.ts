/**
 * The disk of one simulated member: writes take time, and a crash loses what was not synced.
 *
 * Owns: which batches are under way, when they land, what a crash does to them. The rows themselves are in the fake disk
 * that passes the contract suite. As in `store/database.ts`, rows that need no sync wait for the next batch that does, and
 * views show synced rows only: the least that the contract allows.
 */
import type { Disk, DiskEntry, DiskView } from '../../src/store/disk.ts'
import type { Row } from '../../src/store/rows.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import type { Prng } from './prng.ts'
import type { Timeline } from './timeline.ts'

interface Batch {
  readonly rows: readonly Row[]
  readonly done: () => void
}

export interface SimDiskParts {
  readonly timeline: Timeline
  readonly random: Prng
  /** How long a synced write takes now, milliseconds. */
  readonly latencyMs: () => number
  /** A promise was resolved: whoever awaits it has to be let on before time goes on. */
  readonly resolved: () => void
}

export class SimDisk {
  readonly #parts: SimDiskParts
  readonly #rows = new FakeDisk()
  /** Unsynced batches, oldest first. */
  #waiting: (readonly Row[])[] = []
  #underWay: Batch[] = []
  #life = 0
  #freeAtMs = 0

  constructor(parts: SimDiskParts) {
    this.#parts = parts
  }

  /** Writes a batch; `done` is called at once when it need not be synced, else when it is on the platter. */
  write(rows: readonly Row[], sync: boolean, done: () => void): void {
    if (rows.length > 0) this.#waiting.push(rows)
    if (!sync) {
      done()
      return
    }
    const batch: Batch = { rows: this.#waiting.flat(), done }
    this.#waiting = []
    this.#underWay.push(batch)
    const { timeline, latencyMs } = this.#parts
    this.#freeAtMs = Math.max(this.#freeAtMs, timeline.nowMs) + latencyMs()
    const life = this.#life
    timeline.in(this.#freeAtMs - timeline.nowMs, () => {
      if (life === this.#life) this.#land()
    })
  }

  /** Writes at once; for the first rows of a data directory. */
  writeNow(rows: readonly Row[]): void {
    this.#rows.writeSync(rows, true)
  }

  /**
   * The process ends. Of what was not synced some batches may have landed: always those before others, never a part of one.
   *
   * @returns how many batches of how many survived.
   */
  crash(): { readonly survived: number; readonly of: number } {
    const batches = [...this.#underWay.map((batch) => batch.rows), ...this.#waiting]
    const survived = this.#parts.random.below(batches.length + 1)
    for (const rows of batches.slice(0, survived)) this.#rows.writeSync(rows, true)
    this.#underWay = []
    this.#waiting = []
    this.#life++
    this.#freeAtMs = 0
    return { survived, of: batches.length }
  }

  /** Synced rows of a range, in key order. */
  entries(gte: Buffer, lt: Buffer): DiskEntry[] {
    return this.#rows.entriesSync(gte, lt)
  }

  /** The disk as the process that runs now sees it. After a crash nothing that it awaited ever comes. */
  port(): Disk {
    const life = this.#life
    const { resolved } = this.#parts
    const isOver = (): boolean => life !== this.#life
    const never = <T>(): Promise<T> => new Promise<T>(() => {})
    return {
      write: (rows, sync) => {
        if (isOver()) return never()
        return new Promise((resolve) =>
          this.write(rows, sync, () => {
            resolve()
            resolved()
          }),
        )
      },
      clearRange: (gte, lt) => {
        if (isOver()) return never()
        this.#waiting.push(this.#deletions(gte, lt))
        return Promise.resolve()
      },
      view: (): DiskView => this.#rows.view(),
      get: (key) => (isOver() ? never() : this.#rows.get(key)),
      close: () => Promise.resolve(),
    }
  }

  #land(): void {
    const batch = this.#underWay.shift()
    if (batch === undefined) return
    this.#rows.writeSync(batch.rows, true)
    batch.done()
  }

  /** Deletions for every row of the range, landed or not: in the order of the calls, as a later write of them would be. */
  #deletions(gte: Buffer, lt: Buffer): Row[] {
    const keys = new Map<string, Buffer>()
    for (const [key] of this.#rows.entriesSync(gte, lt)) keys.set(key.toString('latin1'), key)
    for (const rows of [...this.#underWay.map((batch) => batch.rows), ...this.#waiting]) {
      for (const { key } of rows) {
        if (key.compare(gte) >= 0 && key.compare(lt) < 0) keys.set(key.toString('latin1'), key)
      }
    }
    return Array.from(keys.values(), (key) => ({ type: 'del', key }))
  }
}
