/**
 * Reading events that are no longer in memory.
 *
 * Owns: the port that watchers catch up through, and its form over a disk. Leaves to others: when to read, and what
 * becomes of the events (watch-catchup.ts); the rows (event-rows.ts).
 */
import type { Disk } from './disk.ts'
import type { Event } from './event.ts'
import { decodeEvents, eventKey } from './event-rows.ts'
import { keyAfter, Section, sectionRange } from './rows.ts'

/** Events from disk, in order, piece by piece. */
export interface HistoryReader {
  /**
   * The next events with an index of `fromIndex` or more, in order, of rows of `generation`: at least one if there is
   * one on disk, at most about a megabyte of them. Empty: there is none.
   *
   * @throws StoreError when the disk fails or a row is damaged.
   */
  read(generation: number, fromIndex: number): Promise<readonly Event[]>
}

/** Rows looked at in one read. */
const ROWS_MAX = 64

/** A reader over a disk. */
export function diskHistoryReader(disk: Disk): HistoryReader {
  return { read: (generation, fromIndex) => readEvents(disk, generation, fromIndex) }
}

async function readEvents(disk: Disk, generation: number, fromIndex: number): Promise<readonly Event[]> {
  await disk.write([], true)
  const view = disk.view()
  try {
    const range = sectionRange(Section.events, generation)
    const afterFirst = eventKey(generation, fromIndex + 1)
    const holding = await view.entries(range.gte, afterFirst, { limit: 1, reverse: true })
    let from = holding[0]?.[0] ?? range.gte
    for (;;) {
      const entries = await view.entries(from, range.lt, { limit: ROWS_MAX })
      const last = entries.at(-1)
      if (last === undefined) return []
      const events = entries.flatMap(([, value]) => decodeEvents(value)).filter((event) => event.index >= fromIndex)
      if (events.length > 0) return events
      from = keyAfter(last[0])
    }
  } finally {
    await view.close()
  }
}
