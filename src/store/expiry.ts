/**
 * Which nodes fall due, soonest first.
 *
 * Owns: a binary heap ordered by (deadline, key), in which every node knows its slot, so that renewing or removing a
 * key leaves nothing behind. Leaves to others: the clock, and what expiring does (removals.ts).
 */
import assert from 'node:assert'
import type { Node } from './node.ts'

/** Nodes with a deadline. The order of equal deadlines is that of the keys, so that all members agree. */
export class ExpiryHeap {
  readonly #heap: Node[] = []

  /** How many nodes have a deadline. */
  get size(): number {
    return this.#heap.length
  }

  /** The node that falls due first. */
  peek(): Node | undefined {
    return this.#heap[0]
  }

  /** Adds a node that has a deadline and is not in the heap. */
  add(node: Node): void {
    assert(node.deadlineMs !== 0 && node.dueSlot === -1, 'a node enters the expiry heap once, with a deadline')
    this.#heap.push(node)
    this.#rise(this.#heap.length - 1, node)
  }

  /** Takes a node out; does nothing when it is not in. */
  remove(node: Node): void {
    const slot = node.dueSlot
    if (slot === -1) return
    assert(this.#heap[slot] === node, 'a node in the expiry heap is where it says')
    node.dueSlot = -1
    const last = this.#heap.pop() as Node
    if (last !== node) this.#settle(slot, last)
  }

  /** Puts the record that replaces `old` in its place, or adds or removes, as their deadlines ask. */
  replace(old: Node, node: Node): void {
    if (node.deadlineMs === 0) {
      this.remove(old)
    } else if (old.dueSlot === -1) {
      this.add(node)
    } else {
      const slot = old.dueSlot
      old.dueSlot = -1
      this.#settle(slot, node)
    }
  }

  #settle(slot: number, node: Node): void {
    const parent = (slot - 1) >> 1
    if (slot > 0 && isBefore(node, this.#heap[parent] as Node)) this.#rise(slot, node)
    else this.#sink(slot, node)
  }

  #rise(from: number, node: Node): void {
    const heap = this.#heap
    let slot = from
    while (slot > 0) {
      const parentSlot = (slot - 1) >> 1
      const parent = heap[parentSlot] as Node
      if (!isBefore(node, parent)) break
      heap[slot] = parent
      parent.dueSlot = slot
      slot = parentSlot
    }
    heap[slot] = node
    node.dueSlot = slot
  }

  #sink(from: number, node: Node): void {
    const heap = this.#heap
    const length = heap.length
    let slot = from
    for (;;) {
      let childSlot = slot * 2 + 1
      if (childSlot >= length) break
      let child = heap[childSlot] as Node
      const right = childSlot + 1 < length ? (heap[childSlot + 1] as Node) : undefined
      if (right !== undefined && isBefore(right, child)) {
        child = right
        childSlot += 1
      }
      if (!isBefore(child, node)) break
      heap[slot] = child
      child.dueSlot = slot
      slot = childSlot
    }
    heap[slot] = node
    node.dueSlot = slot
  }
}

function isBefore(a: Node, b: Node): boolean {
  return a.deadlineMs !== b.deadlineMs ? a.deadlineMs < b.deadlineMs : a.key < b.key
}
