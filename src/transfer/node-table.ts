/**
 * What is known of each path, for millions of them: a hash table of fingerprints in typed arrays.
 *
 * Owns: some 21 bytes a slot, slots in powers of two, so 30 to 60 bytes a node. Leaves to others: what marks mean (copy,
 * verify). Paths and values are not kept: whoever needs the name of an entry reads the tree again.
 *
 * 64 bits stand for a path and 64 for a node's content. Among a million paths the odds that two meet are one in 30 million.
 */
import assert from 'node:assert'
import type { Print } from './fingerprint.ts'

const SLOTS_MIN = 1 << 12
/** A table beyond 100 million nodes is not what this tool is for. */
const SLOTS_MAX = 1 << 28
const FILL_MAX = 0.7

/** Marks of an entry. Free to combine. */
export const Mark = {
  /** The last listing of the target had it. */
  target: 1,
  /** The last listing of the source had it. */
  source: 2,
  /** This run copied it, or found it equal: it may remove it when the source does. */
  imported: 4,
  /** At the target it is a directory. */
  directory: 8,
  /** An event brought its content, since a comparison began. */
  changed: 16,
} as const

/** Entries by path. A slot number is good until the next `put`. */
export class NodeTable {
  #words = new Int32Array(SLOTS_MIN * 4)
  #due = new Int32Array(SLOTS_MIN)
  #marks = new Uint8Array(SLOTS_MIN)
  #slots = SLOTS_MIN
  #size = 0

  /** Entries. */
  get size(): number {
    return this.#size
  }

  /** The slot of a path; -1 when it is not known. @param path of `printOfPath`. */
  find(path: Print): number {
    const slot = this.#seek(path.a, path.b)
    return this.#isFree(slot) ? -1 : slot
  }

  /** The slot of a path, new when it was not known; its content becomes `content`. */
  put(path: Print, content: Print): number {
    if (this.#size >= this.#slots * FILL_MAX) this.#grow()
    const slot = this.#seek(path.a, path.b)
    if (this.#isFree(slot)) {
      this.#size += 1
      this.#words[slot * 4] = path.a
      this.#words[slot * 4 + 1] = path.b | 1
    }
    this.#words[slot * 4 + 2] = content.a
    this.#words[slot * 4 + 3] = content.b
    return slot
  }

  hasContent(slot: number, content: Print): boolean {
    return this.#words[slot * 4 + 2] === content.a && this.#words[slot * 4 + 3] === content.b
  }

  has(slot: number, mark: number): boolean {
    return ((this.#marks[slot] as number) & mark) === mark
  }

  mark(slot: number, mark: number): void {
    this.#marks[slot] = (this.#marks[slot] as number) | mark
  }

  unmark(slot: number, mark: number): void {
    this.#marks[slot] = (this.#marks[slot] as number) & ~mark
  }

  /** Takes a mark from all entries. */
  unmarkAll(mark: number): void {
    for (let slot = 0; slot < this.#slots; slot += 1) this.unmark(slot, mark)
  }

  /** How many entries have all of `marks` and none of `without`. */
  count(marks: number, without: number): number {
    let count = 0
    for (let slot = 0; slot < this.#slots; slot += 1) {
      const has = this.#marks[slot] as number
      if ((has & marks) === marks && (has & without) === 0) count += 1
    }
    return count
  }

  /** When the target's node falls due, in seconds of whatever clock the caller uses. */
  due(slot: number): number {
    return this.#due[slot] as number
  }

  setDue(slot: number, seconds: number): void {
    this.#due[slot] = Math.min(seconds, 0x7fff_ffff)
  }

  #seek(high: number, low: number): number {
    const mask = this.#slots - 1
    // Bit 0 of the second word says that a slot is taken, so it takes no part.
    const wanted = low | 1
    let slot = (high ^ (low >>> 1)) & mask
    while (!this.#isFree(slot)) {
      if (this.#words[slot * 4] === high && this.#words[slot * 4 + 1] === wanted) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  #isFree(slot: number): boolean {
    return ((this.#words[slot * 4 + 1] as number) & 1) === 0
  }

  #grow(): void {
    const before = { words: this.#words, due: this.#due, marks: this.#marks, slots: this.#slots }
    this.#slots *= 2
    assert(this.#slots <= SLOTS_MAX, 'a tree of more than 100 million nodes')
    this.#words = new Int32Array(this.#slots * 4)
    this.#due = new Int32Array(this.#slots)
    this.#marks = new Uint8Array(this.#slots)
    for (let from = 0; from < before.slots; from += 1) {
      const low = before.words[from * 4 + 1] as number
      if ((low & 1) === 0) continue
      const to = this.#seek(before.words[from * 4] as number, low)
      this.#words.set(before.words.subarray(from * 4, from * 4 + 4), to * 4)
      this.#due[to] = before.due[from] as number
      this.#marks[to] = before.marks[from] as number
    }
  }
}
