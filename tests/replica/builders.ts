/** Entries, waiters, batches and a lone replica, for the tests of this folder. */
import { crc32 } from 'node:zlib'
import { RAFT_DEFAULTS } from '../../src/raft/config.ts'
import type { Message } from '../../src/raft/message.ts'
import type { Ready } from '../../src/raft/ready.ts'
import { type Entry, EntryKind, memberId } from '../../src/raft/types.ts'
import { bootstrap } from '../../src/replica/bootstrap.ts'
import type { ReplicaParts, ReplicaSettings } from '../../src/replica/parts.ts'
import type { Log } from '../../src/replica/ports.ts'
import { initialRows } from '../../src/replica/raft-rows.ts'
import { Replica } from '../../src/replica/replica.ts'
import type { WriteAnswer, WriteWaiter } from '../../src/replica/waiters.ts'
import type { Command } from '../../src/store/command.ts'
import { encodeCommand } from '../../src/store/command-codec.ts'
import { currentGenerationRow, FIRST_GENERATION } from '../../src/store/rows.ts'
import { FakeDisk } from '../support/fake-disk.ts'

export const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export const ME = memberId('a1')

export function setCommand(path: string, value = 'x'): Command {
  return { kind: 'set', path, value, dir: false, ttl: undefined, refresh: false }
}

/** An entry that holds `command`, or one without data. */
export function makeEntry(index: number, term: number, fields: Partial<Entry> = {}, command?: Command): Entry {
  const data = command === undefined ? new Uint8Array(0) : encodeCommand(command)
  const kind = command === undefined ? EntryKind.noop : EntryKind.command
  return { kind, origin: ME, seq: index, data, checksum: crc32(data), index, term, stampMs: index * 10, ...fields }
}

/** A batch of the core with nothing in it but `fields`. */
export function batch(fields: Partial<Ready>): Ready {
  return {
    hardState: undefined,
    entries: [],
    snapshot: undefined,
    messages: [],
    promises: [],
    committed: [],
    reads: [],
    readsDropped: [],
    roleView: undefined,
    mustSync: false,
    ...fields,
  }
}

/** A write that waits, and what it heard. */
export function makeWaiter(seq: number, deadlineMs = 1000): WriteWaiter & { readonly heard: WriteAnswer[] } {
  const heard: WriteAnswer[] = []
  const command = setCommand(`/k/${seq}`)
  const { kind, origin, data, checksum } = makeEntry(seq, 0, {}, command)
  const proposal = { kind, origin, seq, data, checksum }
  return { proposal, command, done: (answer) => heard.push(answer), startedMs: 0, deadlineMs, proposedTerm: 0, heard }
}

/** A member of a new cluster, its disk formatted, and everything that it sends. */
export function makeReplica(names = ['a'], more: Partial<ReplicaParts> & { settings?: ReplicaSettings } = {}) {
  const members = names.map((name, i) => ({ name, peerUrls: [`http://127.0.0.1:${2380 + i}`] }))
  const fresh = bootstrap(members, names[0] ?? 'a', 'test', {})
  const disk = new FakeDisk()
  disk.writeSync([...initialRows(fresh.raft), ...fresh.store.drainRows(), currentGenerationRow(FIRST_GENERATION)], true)
  const sent: Message[] = []
  let nowMs = 0
  const parts: ReplicaParts = {
    settings: makeSettings(fresh.raft.identity.memberId),
    restored: fresh.raft,
    store: fresh.store,
    generation: FIRST_GENERATION,
    transport: { send: (messages) => sent.push(...messages), setRemotes: () => {}, sendSnapshot: () => {} },
    clock: { monotonicMs: () => nowMs, wallMs: () => 1_800_000_000_000 + nowMs },
    log: SILENT,
    firstSeq: 1,
    wake: () => {},
    ...more,
  }
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { replica: new Replica(parts), disk, sent, pass, voters: fresh.raft.membership.voters }
}

export function makeSettings(id = ME, more: Partial<ReplicaSettings> = {}): ReplicaSettings {
  return {
    raft: { ...RAFT_DEFAULTS, id, random: () => 0.5 },
    log: { entriesMax: 100, bytesMax: 1024 * 1024 },
    requestsMax: 10,
    requestBytesMax: 1_000_000,
    requestMsMax: 1000,
    awayMsMax: 1000,
    farewellMs: 1000,
    inboxMax: 10,
    unflushedEntriesMax: 10,
    unflushedBytesMax: 1024,
    ...more,
  }
}

/** Takes turns until there is nothing to do. */
export function turns(replica: Replica): void {
  for (let turn = 0; turn < 100; turn++) {
    const write = replica.poll()
    replica.answer()
    if (write === undefined) return
    replica.written()
  }
  throw new Error('a replica does not come to rest')
}
