/**
 * Users, roles and the auth flag, as a typed view of the reserved subtree.
 *
 * Owns: `0/auth/users/<name>`, `0/auth/roles/<name>`, `0/auth/enabled` and `0/auth/changed`, whose `modifiedIndex` is the store
 * index of the last change; what the auth command does to them. Leaves to others: what a record says and which change is right (auth/).
 *
 * As in etcd each put takes one store index, and the very first change four more (for the directories that etcd makes). Unlike
 * there no change makes an event.
 */
import assert from 'node:assert'
import type { AuthCommand } from './command.ts'
import type { Keyspace } from './keyspace.ts'
import { makeFile } from './node.ts'
import { ownString } from './path.ts'

const ROOT = '0/auth'
const ENABLED = 'enabled'
const CHANGED = 'changed'
/** What etcd spends on its three directories before it notes that auth is off. */
const DIRECTORY_STEPS = 3

/** Reads users, roles and the flag out of the tree. */
export class AuthTable {
  readonly #tree: () => Keyspace
  #enabled = false
  #index = 0

  /** @param tree The tree that counts now; it is another one after a snapshot was installed. */
  constructor(tree: () => Keyspace) {
    this.#tree = tree
    this.refresh()
  }

  /** Whether requests are judged. Read on every request. */
  get enabled(): boolean {
    return this.#enabled
  }

  /** Store index of the last change; 0 when there was none. */
  get index(): number {
    return this.#index
  }

  /** The record of that name, or undefined. */
  get(section: 'users' | 'roles', name: string): string | undefined {
    return this.#tree().find(`${ROOT}/${section}/${name}`)?.value
  }

  /** All names of a section, in no particular order. */
  names(section: 'users' | 'roles'): readonly string[] {
    return [...(this.#tree().find(`${ROOT}/${section}`)?.children?.keys() ?? [])]
  }

  /** How many records a section holds. */
  count(section: 'users' | 'roles'): number {
    return this.#tree().find(`${ROOT}/${section}`)?.children?.size ?? 0
  }

  /** Says that the subtree changed. Called by the state machine. */
  refresh(): void {
    this.#enabled = this.#tree().find(`${ROOT}/${ENABLED}`)?.value === 'true'
    this.#index = this.#tree().find(`${ROOT}/${CHANGED}`)?.modifiedIndex ?? 0
  }
}

/** Makes the change, all of it, unless the state it was computed from is no longer the present one: then false, and nothing happens. */
export function putAuth(tree: Keyspace, command: AuthCommand): boolean {
  const present = tree.find(`${ROOT}/${CHANGED}`)?.modifiedIndex ?? 0
  if (present !== command.prevAuthIndex) return false
  if (present === 0) {
    for (let step = 0; step < DIRECTORY_STEPS; step += 1) tree.advance()
    write(tree, ENABLED, 'false', tree.advance())
  }
  for (const { key, value } of command.puts) write(tree, key, value, tree.advance())
  if (present === 0 || command.puts.length > 0) write(tree, CHANGED, '', tree.storeIndex)
  return true
}

function write(tree: Keyspace, key: string, value: string | undefined, index: number): void {
  assert(/^(?:enabled|changed|(?:users|roles)\/[^/]+)$/.test(key), 'an auth command writes records and the flag')
  const path = `${ROOT}/${key}`
  const cursor = tree.walk(path)
  if (value !== undefined) {
    const created = cursor.node?.createdIndex ?? index
    tree.put(cursor, path, makeFile(ownString(path), value, created, index, 0, 0), index)
  } else if (cursor.node !== undefined) tree.take(cursor)
}
