/**
 * A member's state after a restart: from the rows on its disk.
 *
 * Owns: which generation counts, reading in slices so that the loop never stalls, clearing what nobody refers to. Leaves to
 * others: what is built from rows (rebuild.ts), raft's rows and replaying the log (the replica).
 */
import type { Disk, DiskView } from './disk.ts'
import type { StoreOptions } from './options.ts'
import { Rebuilder } from './rebuild.ts'
import {
  GENERATION_KEY,
  generationRanges,
  type KeyRange,
  keyAfter,
  type Marks,
  type Row,
  readGeneration,
  Section,
  sectionKey,
} from './rows.ts'
import type { StateMachine } from './state-machine.ts'

/** Rows handled before the loop gets its turn. */
const SLICE_ROWS = 1000

/** What a disk held. */
export interface RestoredStore {
  readonly stateMachine: StateMachine
  /** The one that counts. */
  readonly generation: number
  readonly marks: Marks
}

/**
 * Rebuilds the state from the rows of the current generation (an empty disk gives an empty store), then deletes the rows of
 * other generations and those of no use in this one.
 *
 * @throws StoreError MUSTER_DATA_DAMAGED, MUSTER_DATA_FORMAT_NEWER or MUSTER_DISK_FAILED.
 */
export async function restoreStore(disk: Disk, options: StoreOptions = {}): Promise<RestoredStore> {
  const generation = readGeneration(await disk.get(GENERATION_KEY))
  const rebuilder = new Rebuilder(options, generation)
  const view = disk.view()
  let others: readonly KeyRange[]
  try {
    for (const range of generationRanges(generation)) await addRows(view, range, rebuilder)
    others = await otherGenerations(view, generation)
  } finally {
    await view.close()
  }
  const stateMachine = rebuilder.finish()
  for (const { gte, lt } of others) await disk.clearRange(gte, lt)
  await deleteOrphans(disk, rebuilder.orphans)
  return { stateMachine, generation, marks: stateMachine.marks }
}

async function addRows(view: DiskView, range: KeyRange, rebuilder: Rebuilder): Promise<void> {
  let from = range.gte
  for (;;) {
    const entries = await view.entries(from, range.lt, { limit: SLICE_ROWS })
    const last = entries.at(-1)
    if (last === undefined) return
    for (const [key, value] of entries) rebuilder.add(key, value)
    from = keyAfter(last[0])
  }
}

/** Ranges before and behind the current generation, in every section, that hold a row. */
async function otherGenerations(view: DiskView, generation: number): Promise<readonly KeyRange[]> {
  const ranges: KeyRange[] = []
  for (const section of [Section.events, Section.marks, Section.nodes]) {
    const before = { gte: sectionKey(section, 0), lt: sectionKey(section, generation) }
    const behind = { gte: sectionKey(section, generation + 1), lt: Buffer.from([section + 1]) }
    for (const range of [before, behind]) {
      const found = await view.entries(range.gte, range.lt, { limit: 1 })
      if (found.length > 0) ranges.push(range)
    }
  }
  return ranges
}

async function deleteOrphans(disk: Disk, orphans: readonly Buffer[]): Promise<void> {
  for (let at = 0; at < orphans.length; at += SLICE_ROWS) {
    const rows: Row[] = orphans.slice(at, at + SLICE_ROWS).map((key) => ({ type: 'del', key }))
    await disk.write(rows, false)
  }
}
