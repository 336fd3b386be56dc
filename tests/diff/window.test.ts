/** How far back a watch can look, to the very index, while no refresh has taken a slot of etcd's history. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { show } from './compare.ts'
import { LEVEL, Pair, whyNoEtcd } from './pair.ts'
import { runSequence } from './run.ts'
import type { Step } from './steps.ts'

const missing = whyNoEtcd()
const OFFSETS = [-1050, -1001, -1000, -999, -998, -1, 0, 1]

describe.skipIf(missing !== undefined)(`the window${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await Pair.start()
  })

  afterAll(() => pair.end())

  test.each(['', '&recursive=true'])('of the last 1,000 events has the same edge in both (%j)', async (query) => {
    const steps = OFFSETS.map((offset): Step => {
      const since = `{C${offset < 0 ? '' : '+'}${offset}}`
      const target = `${LEVEL}?wait=true&waitIndex=${since}${query}`
      return { kind: 'watch', method: 'GET', target, headers: [], body: undefined, contentType: '', chunkBytes: 0 }
    })
    const { observations } = await runSequence(pair, steps, 1_000)
    const cleared: boolean[] = []
    for (const observation of observations) {
      const { etcd, muster } = show(pair, observation)
      expect(muster).toBe(etcd)
      cleared.push(etcd.includes('"errorCode":401'))
    }
    expect(cleared).toEqual(OFFSETS.map((offset) => offset < -999))
  })
})
