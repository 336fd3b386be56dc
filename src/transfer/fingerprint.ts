/**
 * A node, and a whole tree, in a few bytes.
 *
 * Owns: what counts when two trees are compared: path, kind, value, and whether there is a TTL. Indexes and the time that is
 * left do not count: they differ between any two clusters. Prints are MurmurHash3 (x86, 128 bits) over UTF-16: they guard
 * against accidents, not against people, and a cryptographic hash through Node.js costs twenty times as much.
 */
import type { TreeNode } from './tree.ts'

/** 128 bits as four signed 32-bit integers. */
export interface Print {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
}

/** What stands for a path. */
export function printOfPath(path: string): Print {
  return murmur(path, 0)
}

/** What stands for a node with its path. */
export function printOfNode(node: TreeNode): Print {
  const kind = node.dir ? 1 : 2
  const life = node.ttlSeconds === undefined ? 0 : 4
  // No path holds a NUL that a request could carry, so path and value cannot run into each other.
  return murmur(`${node.path}\0${node.value}`, kind + life)
}

export function isSamePrint(one: Print, other: Print): boolean {
  return one.a === other.a && one.b === other.b && one.c === other.c && one.d === other.d
}

/** A digest of nodes in whatever order they come. */
export class TreeDigest {
  #a = 0
  #b = 0
  #c = 0
  #d = 0
  #nodes = 0

  /** How many went in. */
  get nodes(): number {
    return this.#nodes
  }

  /** @param print of `printOfNode`. */
  add(print: Print): void {
    // Sums, not exclusive ors: a node that comes twice must not vanish.
    this.#a = (this.#a + print.a) | 0
    this.#b = (this.#b + print.b) | 0
    this.#c = (this.#c + print.c) | 0
    this.#d = (this.#d + print.d) | 0
    this.#nodes += 1
  }

  /** 32 hex digits. */
  toString(): string {
    return [this.#a, this.#b, this.#c, this.#d].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('')
  }
}

const C1 = 0x239b961b
const C2 = 0xab0e9789 | 0
const C3 = 0x38b34ae5
const C4 = 0xa1e38b93 | 0

/** MurmurHash3_x86_128; the code units of the text are its bytes, low byte first. */
function murmur(text: string, seed: number): Print {
  const { length } = text
  let a = seed
  let b = seed
  let c = seed
  let d = seed
  const whole = length - (length % 8)
  for (let at = 0; at < whole; at += 8) {
    a = mix(a, scramble(wordAt(text, at), C1, C2, 15), b, 19, 0x561ccd1b)
    b = mix(b, scramble(wordAt(text, at + 2), C2, C3, 16), c, 17, 0x0bcaa747)
    c = mix(c, scramble(wordAt(text, at + 4), C3, C4, 17), d, 15, 0x96cd1c35 | 0)
    d = mix(d, scramble(wordAt(text, at + 6), C4, C1, 18), a, 13, 0x32ac3b17)
  }
  // Beyond the end of a text charCodeAt gives NaN, which counts as no bits.
  if (whole < length) {
    a ^= scramble(wordAt(text, whole), C1, C2, 15)
    b ^= scramble(wordAt(text, whole + 2), C2, C3, 16)
    c ^= scramble(wordAt(text, whole + 4), C3, C4, 17)
    d ^= scramble(wordAt(text, whole + 6), C4, C1, 18)
  }
  const bytes = length * 2
  a ^= bytes
  b ^= bytes
  c ^= bytes
  d ^= bytes
  a = (a + b + c + d) | 0
  b = avalanche((b + a) | 0)
  c = avalanche((c + a) | 0)
  d = avalanche((d + a) | 0)
  a = (avalanche(a) + b + c + d) | 0
  return { a, b: (b + a) | 0, c: (c + a) | 0, d: (d + a) | 0 }
}

function wordAt(text: string, at: number): number {
  return text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16)
}

function scramble(word: number, before: number, after: number, turn: number): number {
  const mixed = Math.imul(word, before)
  return Math.imul((mixed << turn) | (mixed >>> (32 - turn)), after)
}

function mix(lane: number, word: number, next: number, turn: number, plus: number): number {
  const mixed = lane ^ word
  return (Math.imul(((mixed << turn) | (mixed >>> (32 - turn))) + next, 5) + plus) | 0
}

function avalanche(lane: number): number {
  let mixed = lane
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
