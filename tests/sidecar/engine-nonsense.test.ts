/** An engine, or a proxy before it, that says nonsense: whatever it is, it costs no more than the container that it is about. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SILENT } from '../../src/sidecar/ports.ts'
import { eventually } from '../support/eventually.ts'
import { followerRig, WEB } from '../support/follower-rig.ts'

const HEALTHY = '/services/web/h1:web:80'
/** A round takes some 100 ms; one that fails must come to its end, and its seed, before the test's time is over. */
const ROUND_MS_MAX = 5_000
const ROUNDS = { numRuns: 60, endOnFailure: true } as const
const TEST_MS = 60_000

/** Follows a healthy container, `web`, and one of which nonsense is told, `odd`. */
async function rig() {
  const warnings: { readonly fields: { readonly id?: string }; readonly line: string }[] = []
  const warn = (fields: object, line: string): void => void warnings.push({ fields, line })
  const all = await followerRig({ log: { ...SILENT, warn }, againMs: 20 })
  const { fake, follower, store, has } = all
  const web = fake.run(WEB)
  const odd = fake.run({ name: 'odd', ports: { '1/tcp': 1 } })
  await follower.start()
  await has(HEALTHY)
  await has('/services/odd/h1:odd:1')
  let rounds = 0
  /** Another container is announced, so it follows on, and the healthy one has not been touched. */
  const goesOn = async (): Promise<void> => {
    const name = `other${rounds++}`
    const other = fake.run({ name, ports: { '1/tcp': 9_000 } })
    await eventually(name, () => store.keys.has(`/services/${name}/h1:${name}:1`), ROUND_MS_MAX)
    fake.destroy(other)
    await eventually(`no ${name}`, () => !store.keys.has(`/services/${name}/_meta/h1:${name}:1`), ROUND_MS_MAX)
    expect(store.keys.has(HEALTHY)).toBe(true)
    expect(store.calls.filter((call) => call.startsWith('remove') && call.includes('h1:web'))).toEqual([])
  }
  /** What is answered to a path, until it has been asked for. */
  const answer = async (path: string, text: string, ask: () => void): Promise<void> => {
    const asked = (): number => fake.asked.filter((one) => one === path).length
    const before = asked()
    fake.texts.set(path, text)
    ask()
    await eventually(`a question for ${path}`, () => asked() > before, ROUND_MS_MAX)
    fake.texts.delete(path)
  }
  return { ...all, web, odd, oddPath: `/containers/${odd}/json`, warnings, goesOn, answer }
}

const odds = fc.constantFrom<unknown>(null, 5, true, '', '\ud800', 'container:\ud800', [], [null], {}, { a: null })
const anything = fc.oneof(odds, fc.jsonValue())
const noJson = fc.string().filter((text) => text.trim() !== '' && !/[\r\n]/.test(text))

/** Something right in which one value, or the whole, is something else. */
function damaged(right: unknown): fc.Arbitrary<unknown> {
  return fc.tuple(fc.constantFrom(...pathsIn(right)), anything).map(([path, value]) => replaced(right, path, value))
}

function pathsIn(value: unknown): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [[]]
  return [[], ...Object.entries(value).flatMap(([key, inner]) => pathsIn(inner).map((path) => [key, ...path]))]
}

function replaced(whole: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value
  const copy = structuredClone(whole) as Record<string, unknown>
  copy[key] = replaced(copy[key], rest, value)
  return copy
}

const RIGHT = {
  Id: 'odd',
  Name: '/odd',
  Config: { Image: 'odd', Env: ['SERVICE_TAGS=a'], Labels: { SERVICE_ID: 'b' }, ExposedPorts: { '1/tcp': {} } },
  HostConfig: { NetworkMode: 'own' },
  NetworkSettings: {
    IPAddress: '',
    Ports: { '1/tcp': [{ HostIp: '0.0.0.0', HostPort: '1' }] },
    Networks: { own: { IPAddress: '172.17.0.2' } },
  },
  State: {
    ...{ Running: true, Restarting: false, ExitCode: 0, StartedAt: '2030-01-01T00:00:00Z' },
    ...{ Health: { Status: 'healthy' }, Healthcheck: { Status: 'healthy' } },
  },
}

test.each([
  ['null', null],
  ['an empty object', {}],
  ['a variable that is null', { ...RIGHT, Config: { Env: [null] } }],
  ['a label that is a number', { ...RIGHT, Config: { Labels: { SERVICE_NAME: 5 } } }],
  ['no words on whether it runs', { ...RIGHT, State: {} }],
])('a container of which it tells %s stays what it was, is told of once, and looked at again', async (_, said) => {
  const { fake, store, odd, oddPath, warnings, has, goesOn } = await rig()
  fake.texts.set(oddPath, JSON.stringify(said))
  fake.tell('start', odd)
  const looks = (): number => fake.asked.filter((path) => path === oddPath).length
  const before = looks()
  await eventually('looks', () => looks() > before + 3)
  await goesOn()
  expect(store.keys.has('/services/odd/h1:odd:1')).toBe(true)
  expect(warnings.map(({ fields, line }) => [fields.id, line])).toEqual([
    [odd, expect.stringContaining('going on with the others')],
  ])
  fake.run({ name: 'odd', ports: { '2/tcp': 2 } }, false)
  fake.texts.delete(oddPath)
  await has('/services/odd/h1:odd:2')
})

test('what nonsense there is in one that has died does not keep it announced', async () => {
  const { fake, oddPath, odd, lacks } = await rig()
  fake.texts.set(oddPath, JSON.stringify({ ...RIGHT, Config: null, Name: 5, State: { Running: false, ExitCode: 0 } }))
  fake.tell('die', odd)
  await lacks('/services/odd/_meta/h1:odd:1')
})

test('nonsense among the events is passed over and told of once, and a listing makes up for it', async () => {
  const { fake, odd, warnings, lacks, goesOn, listings } = await rig()
  expect(listings()).toBe(1)
  // The one that told of this is among them.
  fake.die(odd, 0, false)
  for (const line of ['null', '5', '[]', 'x', '{"Actor":5}', '{"Actor":{"ID":5}}', '{"Action":{}}']) fake.tellText(line)
  await lacks('/services/odd/_meta/h1:odd:1')
  await goesOn()
  expect(warnings.map(({ line }) => line)).toEqual([expect.stringContaining('passed over')])
  expect(fake.asked.filter((path) => path === '/events')).toHaveLength(1)
})

test('of a list with nonsense among its items the others count, and nothing that is known is taken for gone', async () => {
  const { fake, store, follower, warnings, has, lacks, odd, listings } = await rig()
  const fresh = fake.run({ name: 'fresh', ports: { '3/tcp': 3 } }, false)
  fake.texts.set('/containers/json', JSON.stringify([null, { Id: 5 }, { Id: fresh, State: 'running' }]))
  follower.relist()
  await has('/services/fresh/h1:fresh:3')
  expect(store.keys.has(HEALTHY)).toBe(true)
  // Those that are gone are, all the same.
  fake.destroy(odd, false)
  follower.relist()
  await lacks('/services/odd/_meta/h1:odd:1')
  expect(warnings.map(({ line }) => line)).toEqual([expect.stringContaining('not whole')])
  // An entry may be that of a container that the list has only as nonsense: nothing is cleaned.
  expect(listings()).toBe(1)
  fake.texts.delete('/containers/json')
  follower.relist()
  await eventually('a whole list', () => listings() === 2)
})

test(
  'whatever is told of one container, a healthy one stays announced',
  async () => {
    const { fake, odd, oddPath, answer, goesOn } = await rig()
    const texts = fc.oneof(
      { weight: 9, arbitrary: damaged(RIGHT).map((said) => JSON.stringify(said)) },
      { weight: 1, arbitrary: noJson },
    )
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        await answer(oddPath, text, () => fake.tell('start', odd))
        await goesOn()
      }),
      ROUNDS,
    )
  },
  TEST_MS,
)

test(
  'whatever the list says beside a healthy container, or in its place, it stays announced',
  async () => {
    const { follower, web, answer, goesOn } = await rig()
    const nonsense = anything.filter((said) => !(said as { readonly Id?: unknown } | null)?.Id)
    const healthy = fc.oneof(
      nonsense,
      fc.record({
        Id: fc.constant(web),
        State: fc.oneof(fc.constant<unknown>('running'), fc.constantFrom(5, null, {})),
      }),
    )
    const lists = fc.tuple(fc.array(nonsense), healthy, fc.array(nonsense)).map(([a, one, b]) => [...a, one, ...b])
    const texts = fc.oneof(
      { weight: 8, arbitrary: lists.map((said) => JSON.stringify(said)) },
      { weight: 1, arbitrary: anything.filter((said) => !Array.isArray(said)).map((said) => JSON.stringify(said)) },
      { weight: 1, arbitrary: noJson.filter((text) => text !== '[]') },
    )
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        await answer('/containers/json', text, () => follower.relist())
        await goesOn()
      }),
      ROUNDS,
    )
  },
  TEST_MS,
)

test(
  'whatever there is among the events, a healthy container stays announced',
  async () => {
    const { fake, odd, goesOn } = await rig()
    const events = fc.constantFrom(
      { Type: 'container', Action: 'start', Actor: { ID: odd, Attributes: { name: 'odd' } } },
      { Type: 'network', Action: 'connect', Actor: { ID: 'net', Attributes: { container: odd } } },
    )
    const lines = fc.oneof(
      { weight: 9, arbitrary: events.chain(damaged).map((said) => JSON.stringify(said)) },
      { weight: 1, arbitrary: noJson },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(lines, { minLength: 1, maxLength: 5 }), async (told) => {
        for (const line of told) fake.tellText(line)
        await goesOn()
      }),
      ROUNDS,
    )
    expect(fake.asked.filter((path) => path === '/events')).toHaveLength(1)
  },
  TEST_MS,
)
