/**
 * A recursive listing as it arrives: nodes without ever holding the whole text.
 *
 * Owns: cutting the JSON of one GET into nodes, for a million of them in the memory of a few. Leaves to others: where the
 * bytes come from (client).
 *
 * The grammar is that of the keys API and no more: an object with `action` and `node`; a node is an object of texts, numbers
 * and booleans, and `nodes`, a list of nodes.
 */
import { badAnswer } from './node.ts'

/** One node of a listing. */
export interface ListedNode {
  /** Full path; `/` for the root. */
  readonly path: string
  readonly dir: boolean
  /** Empty for directories. */
  readonly value: string
  /** Remaining seconds, 0 or less when due; undefined: permanent. */
  readonly ttlSeconds: number | undefined
}

/** Characters of one name and value that are waited for: 10 MiB with every character escaped. */
const PENDING_CHARS_MAX = 64 * 1024 * 1024
/** Levels of directories. */
const DEPTH_MAX = 10_000
/** From so many characters on that make no whole field yet, a look is taken only when a quarter more has come. */
const LARGE_FIELD_CHARS = 64 * 1024

interface OpenNode {
  path: string
  value: string
  dir: boolean
  expires: boolean
  ttlSeconds: number
  emitted: boolean
}

type Place = 'top' | 'node' | 'nodes'

/** Takes pieces of the text in order and gives back the nodes that each completes. */
export class ListingParser {
  readonly #decoder = new TextDecoder('utf-8')
  #text = ''
  #at = 0
  #lookAtChars = 0
  #started = false
  #ended = false
  readonly #places: Place[] = []
  readonly #open: OpenNode[] = []
  #found: ListedNode[] = []

  /**
   * Nodes whose fields are complete, a directory before what it holds.
   * @throws ClientError `MUSTER_CLIENT_BAD_ANSWER` when the text is no listing.
   */
  push(piece: Uint8Array): readonly ListedNode[] {
    this.#text = this.#text.slice(this.#at) + this.#decoder.decode(piece, { stream: true })
    this.#at = 0
    if (this.#text.length >= this.#lookAtChars) this.#look()
    return this.#take()
  }

  /** What was left to look at when no more text comes; `complete` then says whether that was all. */
  finish(): readonly ListedNode[] {
    this.#look()
    return this.#take()
  }

  /** Whether the last brace has come. When this is false after `finish`, the text was cut. */
  get complete(): boolean {
    return this.#ended
  }

  #take(): readonly ListedNode[] {
    const found = this.#found
    this.#found = []
    return found
  }

  #look(): void {
    while (this.#step()) {
      // Each step takes one field, brace or bracket.
    }
    const left = this.#text.length - this.#at
    if (left > PENDING_CHARS_MAX) throw badAnswer('no listing: one field is too long')
    this.#lookAtChars = left > LARGE_FIELD_CHARS ? left * 1.25 : 0
  }

  /** False: more text is needed. */
  #step(): boolean {
    const char = this.#skip()
    if (char === '') return false
    if (this.#ended) throw badAnswer('no listing: text after its end')
    const place = this.#places.at(-1)
    if (place === undefined) {
      if (char !== '{' || this.#started) throw badAnswer(`no listing: it begins with ${char}`)
      this.#started = true
      return this.#enter('top')
    }
    if (place === 'nodes') {
      if (char === '{') return this.#enterNode()
      if (char !== ']') throw badAnswer(`no listing: found ${char} in a list of nodes`)
      return this.#leave()
    }
    if (char === '}') {
      if (place === 'node') this.#closeNode()
      return this.#leave()
    }
    if (char !== '"') throw badAnswer(`no listing: found ${char} where a name belongs`)
    return this.#field(place)
  }

  /** One `"name":value`; what opens a node or a list of nodes ends behind the brace. */
  #field(place: Place): boolean {
    const name = this.#string(this.#at)
    if (name === undefined) return false
    let at = this.#behindColon(name.next)
    if (at < 0) return false
    const first = this.#text[at]
    if (first === '"') {
      const value = this.#string(at)
      if (value === undefined) return false
      if (place === 'node') this.#takeText(name.value, value.value)
      at = value.next
    } else if (first === '{' && place === 'top' && name.value === 'node') {
      this.#at = at
      return this.#enterNode()
    } else if (first === '[' && place === 'node' && name.value === 'nodes') {
      this.#emit()
      this.#at = at
      return this.#enter('nodes')
    } else {
      const end = this.#endOfWord(at)
      if (end < 0) return false
      if (place === 'node') this.#takeWord(name.value, this.#text.slice(at, end))
      at = end
    }
    this.#at = at
    return true
  }

  #takeText(name: string, value: string): void {
    const node = this.#current()
    if (name === 'key') node.path = value
    else if (name === 'value') node.value = value
    else if (name === 'expiration') node.expires = true
  }

  #takeWord(name: string, word: string): void {
    const node = this.#current()
    if (name === 'dir') node.dir = word === 'true'
    else if (name === 'ttl') {
      node.ttlSeconds = Number(word)
      node.expires = true
    }
    if (node.emitted && (name === 'dir' || name === 'ttl')) throw badAnswer(`no listing: ${name} after nodes`)
  }

  #current(): OpenNode {
    const node = this.#open.at(-1)
    if (node === undefined) throw badAnswer('no listing: a field outside of a node')
    return node
  }

  #enterNode(): boolean {
    if (this.#open.length >= DEPTH_MAX) throw badAnswer(`no listing: deeper than ${DEPTH_MAX}`)
    this.#open.push({ path: '/', value: '', dir: false, expires: false, ttlSeconds: 0, emitted: false })
    return this.#enter('node')
  }

  #closeNode(): void {
    this.#emit()
    this.#open.pop()
  }

  #emit(): void {
    const node = this.#current()
    if (node.emitted) return
    node.emitted = true
    const { path, dir, value, expires, ttlSeconds } = node
    this.#found.push({ path, dir, value: dir ? '' : value, ttlSeconds: expires ? ttlSeconds : undefined })
  }

  #enter(place: Place): boolean {
    this.#places.push(place)
    this.#at += 1
    return true
  }

  #leave(): boolean {
    this.#places.pop()
    this.#at += 1
    this.#ended = this.#places.length === 0
    return true
  }

  /** Goes over blanks and commas; the character there, empty at the end of the text. */
  #skip(): string {
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string
      if (char !== ',' && char !== ' ' && char !== '\n' && char !== '\r' && char !== '\t') return char
      this.#at += 1
    }
    return ''
  }

  #behindColon(from: number): number {
    let at = from
    let seen = false
    for (; at < this.#text.length; at += 1) {
      const char = this.#text[at]
      if (char === ':' && !seen) seen = true
      else if (char !== ' ' && char !== '\n' && char !== '\r' && char !== '\t') break
    }
    if (at >= this.#text.length) return -1
    if (!seen) throw badAnswer('no listing: a name without a value')
    return at
  }

  /** End of a number, `true`, `false` or `null`; -1 when it may not be whole yet. */
  #endOfWord(from: number): number {
    for (let at = from; at < this.#text.length; at += 1) {
      const char = this.#text[at] as string
      if (char === ',' || char === '}' || char === ']' || char === ' ' || char === '\n' || char === '\r') return at
      if (char === '{' || char === '[' || char === '"') throw badAnswer('no listing: a value that no node has')
    }
    return -1
  }

  /** The text between two quotes, the first at `from`; undefined when the second has not come. */
  #string(from: number): { readonly value: string; readonly next: number } | undefined {
    const text = this.#text
    let end = text.indexOf('"', from + 1)
    while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
    if (end < 0) return undefined
    const raw = text.slice(from + 1, end)
    if (!raw.includes('\\')) return { value: raw, next: end + 1 }
    try {
      return { value: JSON.parse(text.slice(from, end + 1)) as string, next: end + 1 }
    } catch (error) {
      throw badAnswer('no listing: a malformed text', error)
    }
  }
}

/** Whether the quote at `at` belongs to the text: an odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let slashes = 0
  while (text.charCodeAt(at - 1 - slashes) === 92) slashes += 1
  return slashes % 2 === 1
}
