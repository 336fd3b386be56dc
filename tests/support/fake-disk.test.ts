/** Crashes of the fake disk: what they may take and what they may not. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Row } from '../../src/store/rows.ts'
import { FakeDisk } from './fake-disk.ts'

const row: fc.Arbitrary<Row> = fc
  .record({ key: fc.constantFrom('a', 'b', 'c'), value: fc.option(fc.constantFrom('1', '2', '3')) })
  .map(({ key, value }) =>
    value === null
      ? { type: 'del', key: Buffer.from(key) }
      : { type: 'put', key: Buffer.from(key), value: Buffer.from(value) },
  )

function shown(disk: FakeDisk): string {
  return disk
    .entriesSync(Buffer.from('a'), Buffer.from('z'))
    .map(([key, value]) => `${key}=${value}`)
    .join()
}

test('a crash loses a suffix of the batches since the last sync, each as a whole', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ rows: fc.array(row, { minLength: 1, maxLength: 4 }), sync: fc.boolean() })),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (batches, random) => {
        const disk = new FakeDisk()
        const states = [shown(disk)]
        let synced = 0
        for (const [at, { rows, sync }] of batches.entries()) {
          disk.writeSync(rows, sync)
          states.push(shown(disk))
          if (sync) synced = at + 1
        }
        disk.crash(() => random)
        const kept = synced + Math.floor(random * (batches.length - synced + 1))
        expect(shown(disk)).toBe(states[kept])
      },
    ),
  )
})

test('a disk that is made to fail refuses writes with the code of a failed disk', async () => {
  const disk = new FakeDisk()
  disk.failWrites('no space')
  await expect(disk.write([], true)).rejects.toMatchObject({ code: 'MUSTER_DISK_FAILED' })
})
