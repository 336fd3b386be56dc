/**
 * Changes of members are answered alike, by clusters that are thrown away: a member that is added and never starts takes the
 * majority from etcd, so that adding one comes last. One cluster for every five hundred of the other sequences.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { searchFromEnvironment } from './find.ts'
import { inOneOrder } from './json-text.ts'
import { Pair, type Side, whyNoEtcd } from './pair.ts'
import { requestBytes } from './steps.ts'

const CLUSTERS_MIN = 3
const ANSWER_MS_MAX = 9_000

interface Change {
  readonly method: string
  /** `OWN` stands for the id of the server that is asked. */
  readonly target: string
  readonly urls: readonly string[] | undefined
}

const url = fc.constantFrom(
  'http://127.0.0.1:5555',
  'http://localhost:5556',
  'https://b.example:1',
  'http://a.example:2',
  'http://c.example:3',
)
const urls = fc.uniqueArray(url, { minLength: 1, maxLength: 2 })

function change(method: string, target: string): fc.Arbitrary<Change> {
  return urls.map((some) => ({ method, target, urls: some }))
}

const harmless: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: change('PUT', '/v2/members/OWN') },
  { weight: 1, arbitrary: change('PUT', '/v2/members/1') },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('/v2/members/OWN', '/v2/members/1', '/v2/members/0OWN')
      .map((target) => ({ method: 'DELETE', target, urls: undefined })),
  },
)

const LOOKS: readonly Change[] = ['/v2/members', '/v2/members/leader', '/v2/machines'].map((target) => {
  return { method: 'GET', target, urls: undefined }
})

const script = fc
  .tuple(fc.array(harmless, { minLength: 3, maxLength: 6 }), urls)
  .map(([changes, some]) => [
    ...changes.flatMap((one) => [one, LOOKS[0] as Change]),
    { method: 'POST', target: '/v2/members', urls: some.map((text) => text.replace(/\d+$/, '9999')) },
    ...LOOKS,
  ])

const missing = whyNoEtcd()
const search = searchFromEnvironment(1 / 500)
const clusters = Math.max(CLUSTERS_MIN, search.sequences)

test
  .skipIf(missing !== undefined)
  .each(fc.sample(script, { numRuns: clusters, seed: search.seed }).map((steps, at) => ({ at, steps })))(
  `changes of members are answered alike by cluster $at (DIFF_SEED=${search.seed})${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  async ({ steps }) => {
    const pair = await Pair.start()
    try {
      const own = { etcd: await idOf(pair.etcd), muster: await idOf(pair.muster) }
      for (const step of steps) {
        const [etcd, muster] = await Promise.all([ask(pair.etcd, own.etcd, step), ask(pair.muster, own.muster, step)])
        expect(muster, JSON.stringify(step)).toBe(etcd)
      }
    } finally {
      await pair.end()
    }
  },
)

async function idOf(side: Side): Promise<string> {
  const received = await side.ask('GET /v2/members HTTP/1.1\r\nHost: a\r\n\r\n')
  const id = received.kind === 'answer' ? /"id":"(\w+)"/.exec(received.body)?.[1] : undefined
  if (id === undefined) throw new Error(`${side.name} lists no member`)
  return id
}

/** The answer with ids, ports and dates masked, and members in the order of their text: that of their ids is chance. */
async function ask(side: Side, own: string, { method, target, urls: some }: Change): Promise<string> {
  const request = requestBytes(
    {
      kind: 'ask',
      method,
      target: target.replace('OWN', own),
      headers: [],
      body: some === undefined ? undefined : JSON.stringify({ peerURLs: some }),
      contentType: some === undefined ? '' : 'application/json',
      chunkBytes: 0,
    },
    { prefix: '', index: 0, sharedIndex: 0 },
  )
  const received = await side.ask(request, ANSWER_MS_MAX)
  if (received.kind !== 'answer') return received.kind
  const headers = received.headers.map(([name, value]) => {
    return /^(Date|Content-Length|X-Etcd-Cluster-Id)$/.test(name) ? name : `${name}: ${value}`
  })
  const body = received.body
    .replaceAll(own, 'OWN')
    .replaceAll(`:${side.port}`, ':CLIENT')
    .replaceAll(`:${side.peerPort}`, ':PEER')
    .replace(/"id":"(?!OWN)[1-9a-f][0-9a-f]{0,15}"/g, '"id":"NEW"')
  return [received.statusLine, ...headers, '', inOneOrder(body.replace('"members":[', '"nodes":['))].join('\n')
}
