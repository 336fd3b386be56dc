/** The comparison itself: what is broken is found and made short, and what is meant is written down. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../support/child.ts'
import { type Shown, show } from './compare.ts'
import { EXPLANATIONS, Uses } from './explained.ts'
import { findDifference } from './find.ts'
import { inOneOrder } from './json-text.ts'
import { Pair, whyNoEtcd } from './pair.ts'
import type { Observation } from './run.ts'
import { anySequence } from './sequences.ts'
import { fill } from './steps.ts'

test('every explained difference is a row of COMPATIBILITY.md, once', () => {
  const rows = readFileSync(join(ROOT, 'COMPATIBILITY.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, line.indexOf(' |', 2)))
  const missing = EXPLANATIONS.filter(({ entry }) => rows.filter((cell) => cell === entry).length !== 1)
  expect(missing.map(({ entry }) => entry)).toEqual([])
})

test('listings are put in order without touching how they are written', () => {
  const listing =
    '{"node":{"dir":true,"nodes":[{"key":"/b","nodes":[{"key":"/b/]},"},{"key":"/b/\\""}]},{"key":"/a"}],"x":1}}'
  expect(inOneOrder(listing)).toBe(
    '{"node":{"dir":true,"nodes":[{"key":"/a"},{"key":"/b","nodes":[{"key":"/b/\\""},{"key":"/b/]},"}]}],"x":1}}',
  )
})

test('indexes are counted exactly, however large', () => {
  const filling = { prefix: 'x', index: 7, sharedIndex: 0 }
  expect(fill('{p}?{C}&{C-7}&{C+18446744073709551608}', filling)).toBe('x?7&0&18446744073709551615')
})

test('nothing looks back to where the two have not the same history', () => {
  expect(fill('{L}', { prefix: '', index: 5000, sharedIndex: 0 })).toBe('4100')
  expect(fill('{L}', { prefix: '', index: 5000, sharedIndex: 4800 })).toBe('4800')
  expect(fill('{L}', { prefix: '', index: 5, sharedIndex: 0 })).toBe('0')
})

test('what is written longer for its characters may be cut into chunks for that', () => {
  const step = { kind: 'ask', method: 'GET', target: '/', headers: [], body: undefined, contentType: '', chunkBytes: 0 }
  const head = 'HTTP/1.1 412 Precondition Failed\n'
  const shown = {
    etcd: `${head}Content-Length: 2046\n\n{"cause":"[z != \xef\xbf\xbd]"}`,
    muster: `${head}Transfer-Encoding: chunked\n\n{"cause":"[z != \\ufffd]"}`,
  }
  const observation = { step } as unknown as Observation
  expect(new Uses().explain(observation, shown)?.entry).toBe('shows a true U+FFFD as it is')
  expect(new Uses().explain(observation, { ...shown, muster: shown.muster.replace('z', 'y') })).toBeUndefined()
})

const missing = whyNoEtcd()

describe.skipIf(missing !== undefined)(
  `a broken answer${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let pair: Pair

    beforeAll(async () => {
      pair = await Pair.start()
    })

    afterAll(() => pair.end())

    const BREAKS: readonly (readonly [what: string, breaks: (text: string) => string, request: RegExp])[] = [
      [
        'in the index of an event',
        (text) => text.replace(/("action":"update".*"modifiedIndex":)(\d+)/, '$1$2$2'),
        /PUT/,
      ],
      ['in the name of a header', (text) => text.replace('\nAllow: ', '\nallow: '), /\nallow: /],
      ['in the cause of an error', (text) => text.replace('"errorCode":105', '"errorCode":106'), /PUT/],
      [
        'in what a stream gets',
        (text) => text.replace(/(\n\{"action":"(?:set|create|update)".*\n)(?=\n\(and)/, '$1$1'),
        /watch/,
      ],
    ]

    test.each(BREAKS)('%s is found, and the sequence made short', async (_, breaks, request) => {
      const broken = (some: Pair, observation: Observation): Shown => {
        const { etcd, muster } = show(some, observation)
        return { etcd, muster: breaks(muster) }
      }
      const found = await findDifference(pair, anySequence, { sequences: 1000, seed: 7 }, new Uses(), broken)
      const requests = found.difference?.split('\n\n').filter((block) => /^(watch |raw )?[A-Z]+ \//.test(block)) ?? []
      expect(found.difference).toMatch(request)
      expect(found.difference).toContain('DIFF_SEED=7')
      expect(requests.length).toBeGreaterThan(0)
      expect(requests.length).toBeLessThanOrEqual(3)
    })
  },
)
