/**
 * Whole trees of real servers, for tests of moving keys: filling, changing, reading them as plain maps.
 *
 * Owns: the ways to look at a tree that have nothing to do with the code under test. Asserts nothing.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { NodeJson } from '../../src/client/node.ts'
import { KeysClient } from './keys-client.ts'

/** What a node looks like from outside: `dir`, or its value; with `+ttl` when it has one. */
export type PlainTree = ReadonlyMap<string, string>

/** Reads everything below these paths, each with a recursive GET. What is not there is left out. */
export async function readTree(url: string, paths: readonly string[] = ['/']): Promise<PlainTree> {
  const client = new KeysClient()
  const tree = new Map<string, string>()
  const add = (node: NodeJson): void => {
    const life = node.expiration === undefined ? '' : '+ttl'
    if (node.key !== undefined) tree.set(node.key, `${node.dir === true ? 'dir' : `=${node.value}`}${life}`)
    for (const below of node.nodes ?? []) add(below)
  }
  try {
    for (const path of paths) {
      const { status, body } = await client.get(url, path, { recursive: true })
      if (status === 200 && body?.node !== undefined) add(body.node)
    }
    return tree
  } finally {
    await client.close()
  }
}

/** The first few differences of two trees, as text; empty when there are none. */
export function differences(one: PlainTree, other: PlainTree): readonly string[] {
  const found: string[] = []
  for (const path of new Set([...one.keys(), ...other.keys()])) {
    if (one.get(path) !== other.get(path)) found.push(`${path}: ${one.get(path)} / ${other.get(path)}`)
    if (found.length >= 10) break
  }
  return found
}

/** Writes `count` keys of some 100 bytes, in directories of a hundred. */
export async function fill(url: string, count: number, directory = '/full'): Promise<void> {
  const client = new KeysClient(64)
  const value = 'v'.repeat(60)
  let next = 0
  const writer = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const { status, body } = await client.put(url, `${directory}/${Math.floor(n / 100)}/key-${n}`, {
        value: `${value}${n}`,
      })
      if (status >= 300) throw new Error(`filling: ${status} ${JSON.stringify(body)}`)
    }
  }
  try {
    await Promise.all(Array.from({ length: 64 }, writer))
  } finally {
    await client.close()
  }
}

/** Changes a tree in every way that the API has, until told to stop. */
export class Churn {
  readonly #client = new KeysClient(8)
  readonly #url: string
  readonly #paceMs: number
  readonly #loops: readonly Promise<void>[]
  #stopped = false
  /** Requests that changed something. */
  changes = 0

  constructor(url: string, paceMs: number) {
    this.#url = url
    this.#paceMs = paceMs
    this.#loops = [0, 1, 2, 3].map((writer) => this.#run(writer))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
    await this.#client.close()
  }

  async #run(writer: number): Promise<void> {
    const base = `/churn/w${writer}`
    for (let n = 0; !this.#stopped; n++) {
      await this.#change(base, n)
      await wait(this.#paceMs)
    }
  }

  async #change(base: string, n: number): Promise<void> {
    const url = this.#url
    const client = this.#client
    const key = `${base}/k${n % 50}`
    const answers = await Promise.all([
      n % 7 === 0 ? client.delete(url, key) : client.put(url, key, { value: `${n}` }),
      client.put(url, `/full/${n % 20}/key-${(n % 20) * 100}`, { value: `changed ${n}` }),
      n % 5 === 0 ? client.put(url, `${base}/dir${n % 3}/deep/k${n}`, { value: `${n}`, ttl: 60 }) : undefined,
      n % 31 === 30 ? client.delete(url, `${base}/dir${n % 3}`, { recursive: true }) : undefined,
      n % 11 === 0 ? client.post(url, `${base}/queue`, { value: `${n}` }) : undefined,
      n % 13 === 0 ? client.put(url, `${base}/_hidden/k${n % 26}`, { value: `${n}` }) : undefined,
      n % 17 === 0 ? client.put(url, `${base}/short${n}`, { value: 'gone soon', ttl: 2 }) : undefined,
      n % 41 === 40
        ? client.put(url, `${base}/kind${n % 2}`, n % 82 === 40 ? { value: 'file' } : { dir: true })
        : undefined,
    ])
    this.changes += answers.filter((answer) => answer !== undefined && answer.status < 300).length
  }
}
