/**
 * A disk in memory that loses what was not synced.
 *
 * Owns: the promises of `Disk` (contract suite: tests/contract/disk.ts), a synchronous core for the simulator, crashes.
 */
import type { Disk, DiskEntry, DiskView, EntriesOptions } from '../../src/store/disk.ts'
import type { Row } from '../../src/store/rows.ts'
import { StoreError } from '../../src/store/store-error.ts'

/** What a batch overwrote: the rows as they were, for undoing it. */
type Undo = (readonly [key: string, before: Buffer | undefined])[]

const ENTRIES_BYTES_DEFAULT = 1024 * 1024

export class FakeDisk implements Disk {
  readonly #rows = new Map<string, Buffer>()
  /** Batches that a crash may lose, oldest first. */
  #unsynced: Undo[] = []
  #keys: string[] | undefined
  #failing: string | undefined

  /** How many batches a crash could lose now. */
  get unsyncedCount(): number {
    return this.#unsynced.length
  }

  /** How many rows there are. */
  get size(): number {
    return this.#rows.size
  }

  /** Makes every later write fail, as a broken disk would. */
  failWrites(reason: string): void {
    this.#failing = reason
  }

  writeSync(rows: readonly Row[], sync: boolean): void {
    if (this.#failing !== undefined) {
      throw new StoreError('MUSTER_DISK_FAILED', `cannot write to the fake disk: ${this.#failing}`)
    }
    if (rows.length > 0) {
      const undo: Undo = []
      for (const row of rows) {
        const key = row.key.toString('latin1')
        const before = this.#rows.get(key)
        undo.push([key, before])
        if (row.type === 'put') {
          if (before === undefined) this.#keys = undefined
          this.#rows.set(key, Buffer.from(row.value))
        } else if (before !== undefined) {
          this.#keys = undefined
          this.#rows.delete(key)
        }
      }
      this.#unsynced.push(undo)
    }
    if (sync) this.#unsynced = []
  }

  /** Loses unsynced batches from some point on. `random` gives numbers from 0 up to, but not including, 1. */
  crash(random: () => number): void {
    const kept = Math.floor(random() * (this.#unsynced.length + 1))
    for (const undo of this.#unsynced.slice(kept).reverse()) {
      for (const [key, before] of undo.reverse()) {
        if (before === undefined) this.#rows.delete(key)
        else this.#rows.set(key, before)
      }
    }
    this.#unsynced = []
    this.#keys = undefined
    this.#failing = undefined
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#rows.get(key.toString('latin1'))
  }

  /** Every row of a range, in key order. */
  entriesSync(gte: Buffer, lt: Buffer): DiskEntry[] {
    const from = gte.toString('latin1')
    const to = lt.toString('latin1')
    const keys = this.#sortedKeys()
    const found: DiskEntry[] = []
    for (let at = firstAtOrAfter(keys, from); at < keys.length; at += 1) {
      const key = keys[at] as string
      if (key >= to) break
      found.push([Buffer.from(key, 'latin1'), this.#rows.get(key) as Buffer])
    }
    return found
  }

  clearRangeSync(gte: Buffer, lt: Buffer): void {
    const rows: Row[] = this.entriesSync(gte, lt).map(([key]) => ({ type: 'del', key }))
    this.writeSync(rows, false)
  }

  async write(rows: readonly Row[], sync: boolean): Promise<void> {
    this.writeSync(rows, sync)
  }

  async clearRange(gte: Buffer, lt: Buffer): Promise<void> {
    this.clearRangeSync(gte, lt)
  }

  view(): DiskView {
    const keys = this.#sortedKeys()
    return new FakeView(keys, new Map(this.#rows))
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    return this.getSync(key)
  }

  async close(): Promise<void> {
    this.#unsynced = []
  }

  #sortedKeys(): readonly string[] {
    this.#keys ??= [...this.#rows.keys()].sort()
    return this.#keys
  }
}

class FakeView implements DiskView {
  readonly #keys: readonly string[]
  readonly #rows: ReadonlyMap<string, Buffer>

  constructor(keys: readonly string[], rows: ReadonlyMap<string, Buffer>) {
    this.#keys = keys
    this.#rows = rows
  }

  async entries(gte: Buffer, lt: Buffer, options: EntriesOptions): Promise<DiskEntry[]> {
    const start = firstAtOrAfter(this.#keys, gte.toString('latin1'))
    const end = firstAtOrAfter(this.#keys, lt.toString('latin1'))
    const bytesMax = options.bytesMax ?? ENTRIES_BYTES_DEFAULT
    const step = options.reverse === true ? -1 : 1
    const found: DiskEntry[] = []
    let bytes = 0
    for (let at = step === 1 ? start : end - 1; at >= start && at < end; at += step) {
      const name = this.#keys[at] as string
      const value = this.#rows.get(name) as Buffer
      found.push([Buffer.from(name, 'latin1'), value])
      bytes += name.length + value.length
      if (found.length === options.limit || bytes >= bytesMax) break
    }
    return found
  }

  async close(): Promise<void> {}
}

function firstAtOrAfter(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}
