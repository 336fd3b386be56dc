/**
 * What the pure parts of a write cost: commands to bytes and back, applying, rows, one LevelDB batch.
 *
 * Prints microseconds of CPU per operation (wall time where it says so), so that a busy machine does not blur them. `node bench/core.ts [operations]`; a temporary directory holds the database.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Packr } from 'msgpackr'
import type { Command } from '../src/store/command.ts'
import { decodeCommand, encodeCommand } from '../src/store/command-codec.ts'
import { Database } from '../src/store/database.ts'
import { sortListing, takeListing } from '../src/store/listing.ts'
import type { Node } from '../src/store/node.ts'
import { restoreStore } from '../src/store/restore.ts'
import { StateMachine } from '../src/store/state-machine.ts'

const count = Number(process.argv[2] ?? 100_000)
const turn = 32
const value = 'v'.repeat(256)

function setCommand(key: number): Command {
  return { kind: 'set', path: `/bench/dir${key % 100}/key${key}`, value, dir: false, ttl: undefined, refresh: false }
}

/** CPU of this process so far, in milliseconds, all threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function report(what: string, startMs: number, operations: number): void {
  const us = ((cpuMs() - startMs) * 1000) / operations
  console.log(`${what.padEnd(52)} ${us.toFixed(2).padStart(9)} us`)
}

function measure(what: string, operations: number, work: (at: number) => void): void {
  for (let at = 0; at < operations / 5; at += 1) work(at)
  const start = cpuMs()
  for (let at = 0; at < operations; at += 1) work(at)
  report(what, start, operations)
}

const commands = Array.from({ length: 1000 }, (_, key) => setCommand(key))
const encoded = commands.map((command) => encodeCommand(command))
measure('encode a set', count, (at) => encodeCommand(commands[at % 1000] as Command))
measure('decode a set', count, (at) => decodeCommand(encoded[at % 1000] as Uint8Array))
const packr = new Packr({ useRecords: false })
const fields = commands.map((command) => [1, 1, ...Object.values(command)])
const packed = fields.map((command) => Buffer.from(packr.pack(command)))
measure('  the same with msgpackr: encode', count, (at) => packr.pack(fields[at % 1000]))
measure('  the same with msgpackr: decode', count, (at) => packr.unpack(packed[at % 1000] as Buffer))

function applyAll(keys: number, rowsEvery: number): StateMachine {
  const store = new StateMachine()
  const bytes = Array.from({ length: keys }, (_, key) => encodeCommand(setCommand(key)))
  for (const round of ['create', 'replace']) {
    const start = cpuMs()
    for (let at = 0; at < keys; at += 1) {
      const index = store.appliedIndex + 1
      store.apply({ index, term: 1, stampMs: index }, decodeCommand(bytes[at] as Uint8Array))
      if (rowsEvery > 0 && at % rowsEvery === rowsEvery - 1) store.drainRows()
    }
    const rows = rowsEvery === 0 ? 'no rows' : `rows every ${rowsEvery}`
    report(`decode and apply a set (${round}), ${rows}`, start, keys)
    if (rowsEvery === 0) store.drainRows()
  }
  return store
}

applyAll(count, 0)
applyAll(count, 1)
applyAll(count, turn)
applyAll(count, 1024)

const directory = await mkdtemp(join(tmpdir(), 'muster-bench-'))
try {
  const disk = await Database.open(directory)
  const store = new StateMachine()
  const pieces: ReturnType<StateMachine['drainRows']>[] = []
  for (let at = 0; at < count; at += 1) {
    store.apply({ index: at + 1, term: 1, stampMs: at }, setCommand(at))
    if (at % turn === turn - 1) pieces.push(store.drainRows())
  }
  pieces.push(store.drainRows())
  const wall = performance.now()
  const start = cpuMs()
  for (const rows of pieces) await disk.write(rows, true)
  report(`synced batches of ${turn}, per set, compaction included`, start, count)
  const wallUs = ((performance.now() - wall) * 1000) / count
  console.log(`${'  wall time'.padEnd(52)} ${wallUs.toFixed(2).padStart(9)} us`)
  const restoring = cpuMs()
  const { stateMachine } = await restoreStore(disk)
  report(`restore ${count} keys, per key`, restoring, count)
  const listing = cpuMs()
  const listed = takeListing(stateMachine.tree.find('/') as Node, { recursive: true })
  report(`take a recursive listing of ${count} keys, in all`, listing, 1)
  let longest = 0
  const sorting = cpuMs()
  for (
    let slice = performance.now(), work = sortListing(listed);
    work.next().done !== true;
    slice = performance.now()
  ) {
    longest = Math.max(longest, performance.now() - slice)
  }
  report('  sort it, in all', sorting, 1)
  console.log(`${'  longest slice'.padEnd(52)} ${(longest * 1000).toFixed(0).padStart(9)} us`)
  await disk.close()
} finally {
  await rm(directory, { recursive: true })
}
