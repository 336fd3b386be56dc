/**
 * A disk whose writes are timed.
 *
 * Owns: asking the clock around a write that is waited for, once a turn. Changes nothing else.
 */
import type { Disk } from '../store/disk.ts'

/** @param synced Told how long each synced write took, milliseconds; not when it failed. */
export function timedDisk(disk: Disk, synced: (ms: number) => void): Disk {
  return {
    write: async (rows, sync) => {
      const startMs = performance.now()
      await disk.write(rows, sync)
      if (sync) synced(performance.now() - startMs)
    },
    clearRange: (gte, lt) => disk.clearRange(gte, lt),
    view: () => disk.view(),
    get: (key) => disk.get(key),
    close: () => disk.close(),
  }
}
