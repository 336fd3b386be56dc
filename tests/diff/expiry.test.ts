/** Random sequences in which keys expire are answered alike. One for every hundred of the others: they take seconds. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Uses } from './explained.ts'
import { findDifference, searchFromEnvironment } from './find.ts'
import { Pair, whyNoEtcd } from './pair.ts'
import { anyExpirySequence } from './sequences.ts'

const missing = whyNoEtcd()

describe.skipIf(missing !== undefined)(`what expires${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await Pair.start()
  })

  afterAll(() => pair.end())

  test('does so in the same way in etcd and muster', async () => {
    const search = searchFromEnvironment(1 / 100)
    const uses = new Uses()
    const found = await findDifference(pair, anyExpirySequence, search, uses)
    console.log(
      `${found.sequences} sequences, ${found.steps} steps, ${found.late} too slow to tell, DIFF_SEED=${search.seed}\n` +
        `explained:\n${uses}\nnot seen again: ${found.unsteady.length}\n${found.unsteady.join('\n')}`,
    )
    expect(found.difference).toBeUndefined()
    expect(found.unsteady.length).toBeLessThanOrEqual(1)
    expect(found.late).toBeLessThan(Math.max(1, found.sequences / 2))
  })
})
