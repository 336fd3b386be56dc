/**
 * The replicated member list, as a typed view of the reserved subtree.
 *
 * Owns: `0/members/<id>` (JSON of name, peerURLs, clientURLs) and `0/removed/<id>` (JSON of the last peerURLs); what the member
 * commands do to them.
 * Leaves to others: whether a change is wise (the replica), who is a voter (raft).
 *
 * Each command that changes something takes one store index, as cluster bookkeeping does in etcd, and makes no event.
 */
import type { MemberJson } from '../api.ts'
import type { PutMemberCommand, RemoveMemberCommand } from './command.ts'
import type { Keyspace } from './keyspace.ts'
import { makeFile, type Node } from './node.ts'

const MEMBERS = '0/members'
const REMOVED = '0/removed'

/** What stands in a member's node. */
type Attributes = Omit<MemberJson, 'id'>

/** Reads members out of the tree. */
export class MemberList {
  readonly #tree: () => Keyspace
  #shown: readonly MemberJson[] | undefined
  #version = 0

  /** @param tree The tree that counts now; it is another one after a snapshot was installed. */
  constructor(tree: () => Keyspace) {
    this.#tree = tree
  }

  /** All members, by unsigned numeric order of their ids. The same array until something changes. */
  list(): readonly MemberJson[] {
    this.#shown ??= [...(this.#tree().find(MEMBERS)?.children?.values() ?? [])].map(readMember).sort(compareIds)
    return this.#shown
  }

  /** One member, or undefined when it is not in the cluster. */
  get(id: string): MemberJson | undefined {
    const node = this.#tree().find(`${MEMBERS}/${id}`)
    return node === undefined ? undefined : readMember(node)
  }

  /** Store index of the member's last change, of whatever kind; 0 when it is not in the cluster. No two changes have the same. */
  modifiedIndexOf(id: string): number {
    return this.#tree().find(`${MEMBERS}/${id}`)?.modifiedIndex ?? 0
  }

  /** True for an id that was removed; it never comes back. */
  isRemoved(id: string): boolean {
    return this.#tree().find(`${REMOVED}/${id}`) !== undefined
  }

  /** Where a removed member was last to be reached; empty for others. */
  removedUrls(id: string): readonly string[] {
    const value = this.#tree().find(`${REMOVED}/${id}`)?.value
    return value === undefined || value === '' ? [] : (JSON.parse(value) as readonly string[])
  }

  /** The member that has one of these peer URLs, `except` left out; undefined when none has. */
  ownerOf(peerUrls: readonly string[], except?: string): MemberJson | undefined {
    return this.list().find(({ id, peerURLs }) => id !== except && peerURLs.some((url) => peerUrls.includes(url)))
  }

  /** Another number whenever the list may have changed. */
  get version(): number {
    return this.#version
  }

  /** Says that the subtree changed. Called by the state machine. */
  refresh(): void {
    this.#shown = undefined
    this.#version++
  }
}

/** Notes a member's attributes; what is undefined stays. Nothing happens for an id that was removed. Returns what now stands for it. */
export function putMember(tree: Keyspace, command: PutMemberCommand): Node {
  const removed = tree.find(`${REMOVED}/${command.id}`)
  if (removed !== undefined) return removed
  const path = `${MEMBERS}/${command.id}`
  const present = tree.find(path)
  const before = present === undefined ? undefined : readMember(present)
  const attributes: Attributes = {
    name: command.name ?? before?.name ?? '',
    peerURLs: command.peerUrls ?? before?.peerURLs ?? [],
    clientURLs: command.clientUrls ?? before?.clientURLs ?? [],
  }
  return write(tree, path, JSON.stringify(attributes), tree.advance())
}

/** Removes a member for good. Its id is remembered also when it was not in the list. Returns what now stands for it. */
export function removeMember(tree: Keyspace, command: RemoveMemberCommand): Node {
  const removed = tree.find(`${REMOVED}/${command.id}`)
  if (removed !== undefined) return removed
  const index = tree.advance()
  const cursor = tree.walk(`${MEMBERS}/${command.id}`)
  const peerUrls = cursor.node === undefined ? [] : readMember(cursor.node).peerURLs
  if (cursor.node !== undefined) tree.take(cursor)
  return write(tree, `${REMOVED}/${command.id}`, JSON.stringify(peerUrls), index)
}

function write(tree: Keyspace, path: string, value: string, index: number): Node {
  const cursor = tree.walk(path)
  const node = makeFile(path, value, cursor.node?.createdIndex ?? index, index, 0, 0)
  tree.put(cursor, path, node, index)
  return node
}

function readMember(node: Node): MemberJson {
  const attributes = JSON.parse(node.value ?? '{}') as Attributes
  return {
    id: node.key.slice(MEMBERS.length + 1),
    name: attributes.name,
    peerURLs: attributes.peerURLs,
    clientURLs: attributes.clientURLs,
  }
}

function compareIds(a: MemberJson, b: MemberJson): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
