/** Finding a service's instances, in every layout that can be read, and as they change. */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { FollowOptions } from '../../src/client/follow.ts'
import type { Keys } from '../../src/client/keys.ts'
import { type DiscoverOptions, discover, discoverNow, type InstanceList } from '../../src/sidecar/discover.ts'
import { keysOf } from '../../src/sidecar/layouts/keys.ts'
import type { LayoutName } from '../../src/sidecar/layouts/layout.ts'
import { makeInstance, renderRecord, type ServiceInstance } from '../../src/sidecar/record.ts'
import { eventually } from '../support/eventually.ts'
import { startRig } from '../support/odd-server.ts'
import { type StoreWire, startStoreWire } from '../support/store-wire.ts'

function instance(id: string, more: Partial<ServiceInstance> = {}): ServiceInstance {
  return makeInstance({ name: 'api', id, host: '10.0.0.5', port: 80, ttl: 30, ...more })
}

const PLACE = { prefix: '/services', domain: 'skydns.local', exposedPort: 80 }

async function announce(
  { direct }: Pick<StoreWire, 'direct'>,
  what: ServiceInstance,
  layout: LayoutName,
): Promise<void> {
  for (const { path, value } of keysOf(what, [layout], PLACE)) await direct.set(path, value)
}

/** Follows until the test is over; every list that it tells. */
function followed({ client }: StoreWire, options: DiscoverOptions = {}): InstanceList[] {
  const over = new AbortController()
  const lists: InstanceList[] = []
  const reading = (async () => {
    for await (const list of discover(client, 'api', { ...options, signal: over.signal })) lists.push(list)
  })()
  onTestFinished(async () => {
    over.abort()
    await reading
  })
  return lists
}

const idsOf = (list: InstanceList | undefined): readonly string[] | undefined => list?.instances.map(({ id }) => id)

describe('now', () => {
  for (const layout of ['registrator', 'json', 'skydns2'] as const) {
    test(`${layout}: an instance is found with all that was said of it`, async () => {
      const { client } = await startRig()
      const one = instance('a', { tags: ['eu'], attrs: { zone: '1' }, since: '2030-01-01T00:00:00Z', weight: 7 })
      await announce({ direct: client }, one, layout)
      expect((await discoverNow(client, 'api', { layout })).instances).toEqual([one])
    })
  }

  test('what registrator and docker-register write is found, and what is no instance is passed over', async () => {
    const { client } = await startRig()
    await client.set('/services/Web/host1:web:80', '10.0.0.7:49153')
    await client.set('/services/Web/note', 'to be removed')
    await client.set('/services/Web/below/deeper', '10.0.0.8:80')
    await client.set('/backends/Web/port', '8080')
    await client.set('/backends/Web/0123456789ab', '10.0.0.9:80')
    const found = await discoverNow(client, 'Web')
    expect(found.instances).toMatchObject([
      { name: 'Web', id: 'host1:web:80', host: '10.0.0.7', port: 49153, tags: [] },
    ])
    expect((await discoverNow(client, 'Web', { prefix: '/backends' })).instances).toMatchObject([{ host: '10.0.0.9' }])
  })

  test('those who drain or are critical are shown only to those who ask for all', async () => {
    const { client } = await startRig()
    await announce({ direct: client }, instance('a', { status: 'draining' }), 'registrator')
    await announce({ direct: client }, instance('b', { status: 'critical' }), 'registrator')
    await announce({ direct: client }, instance('c', { status: 'warning' }), 'registrator')
    expect(idsOf(await discoverNow(client, 'api'))).toEqual(['c'])
    expect(idsOf(await discoverNow(client, 'api', { healthyOnly: false }))).toEqual(['a', 'b', 'c'])
  })

  test('lower priorities come first, then ids in order', async () => {
    const { client } = await startRig()
    for (const [id, priority] of [
      ['c', 10],
      ['b', 10],
      ['z', 1],
    ] as const)
      await announce({ direct: client }, instance(id, { priority }), 'registrator')
    expect(idsOf(await discoverNow(client, 'api'))).toEqual(['z', 'b', 'c'])
  })

  test('a service that nobody announces has no instances; a name that would be hidden is refused', async () => {
    const { client } = await startRig()
    expect(idsOf(await discoverNow(client, 'api'))).toEqual([])
    for (const name of ['_meta', 'a/b', '..', '']) {
      await expect(discoverNow(client, name)).rejects.toMatchObject({ code: 'MUSTER_REGISTER_BAD_INSTANCE' })
    }
  })
})

describe('followed', () => {
  test('an address is never shown without its record, however late that is told', async () => {
    const { client, direct } = await startStoreWire()
    const told = Promise.withResolvers<void>()
    // Records are followed as over a connection that hangs.
    const slow = {
      get: client.get.bind(client),
      follow: async function* (directory: string, options: FollowOptions) {
        for await (const view of client.follow(directory, options)) {
          if (directory.endsWith('/_meta') && view.nodes.size > 1) await told.promise
          yield view
        }
      },
    } as unknown as Keys
    const over = new AbortController()
    const lists: InstanceList[] = []
    const reading = (async () => {
      for await (const list of discover(slow, 'api', { signal: over.signal })) lists.push(list)
    })()
    await eventually('the first list', () => lists.length === 1)
    await announce({ direct }, instance('a', { weight: 7, priority: 3 }), 'registrator')
    await direct.set('/services/api/old', '10.0.0.9:80')
    await eventually('both', () => lists.at(-1)?.instances.length === 2)
    await direct.set('/services/api/_meta/a', renderRecord(instance('a', { weight: 8, priority: 3 })))
    told.resolve()
    await eventually('the change', () => lists.at(-1)?.instances[0]?.weight === 8)
    over.abort()
    await reading
    const weights = lists.flatMap(({ instances }) => instances.map(({ id, weight }) => `${id} ${weight}`))
    expect([...new Set(weights)].sort()).toEqual(['a 7', 'a 8', 'old 100'])
  })

  test('each change is a list: added, drained, removed', async () => {
    const wire = await startStoreWire()
    const lists = followed(wire)
    await eventually('the first list', () => lists.length === 1)
    expect(lists[0]).toMatchObject({ name: 'api', instances: [], stale: false })
    await announce(wire, instance('a', { tags: ['one'] }), 'registrator')
    await eventually('the instance', () => lists.at(-1)?.instances[0]?.tags[0] === 'one')
    await announce(wire, instance('b'), 'json')
    await eventually('both', () => idsOf(lists.at(-1))?.join() === 'a,b')
    await wire.direct.delete('/services/api/a')
    await announce(wire, instance('a', { status: 'draining' }), 'registrator')
    await eventually('one that does not drain', () => idsOf(lists.at(-1))?.join() === 'b')
    await wire.direct.delete('/services/api', { recursive: true })
    await eventually('nobody', () => lists.at(-1)?.instances.length === 0)
  })

  test('heartbeats, and changes that change nothing, are not told', async () => {
    const wire = await startStoreWire()
    await announce(wire, instance('a'), 'registrator')
    const lists = followed(wire)
    await eventually('the first list', () => lists.length === 1)
    await wire.direct.refresh('/services/api/a', { ttl: 30 })
    await announce(wire, instance('a'), 'registrator')
    await announce(wire, instance('b'), 'registrator')
    await eventually('the other', () => idsOf(lists.at(-1))?.join() === 'a,b')
    expect(lists.map(({ instances }) => instances.length).filter((length, at, all) => length !== all[at - 1])).toEqual([
      1, 2,
    ])
    expect(new Set(lists.map(({ instances }) => JSON.stringify(instances))).size).toBe(lists.length)
  })

  test('while the store is away the last list stands and is marked, and what was missed is told afterwards', async () => {
    const wire = await startStoreWire()
    await announce(wire, instance('a'), 'registrator')
    const lists = followed(wire)
    await eventually('the first list', () => lists.length === 1)
    wire.takeStoreAway()
    await eventually('that it is old', () => lists.at(-1)?.stale)
    expect(idsOf(lists.at(-1))).toEqual(['a'])
    await announce(wire, instance('b'), 'registrator')
    wire.bringStoreBack()
    await eventually('the truth', () => lists.at(-1)?.stale === false && idsOf(lists.at(-1))?.join() === 'a,b')
    expect(lists.every(({ instances }) => instances.length > 0)).toBe(true)
  })

  test('a store that is away from the beginning gives no list, and the first one when it comes', async () => {
    const wire = await startStoreWire()
    await announce(wire, instance('a'), 'registrator')
    wire.takeStoreAway()
    let asked = 0
    const lists = followed({
      ...wire,
      client: Object.create(wire.client, {
        follow: {
          value: (...args: Parameters<typeof wire.client.follow>) => {
            asked += 1
            return wire.client.follow(...args)
          },
        },
      }),
    })
    await eventually('both directories to be asked for', () => asked === 2)
    expect(lists).toEqual([])
    wire.bringStoreBack()
    await eventually('the first list', () => lists.at(-1)?.stale === false)
    expect(idsOf(lists[0])).toEqual(['a'])
  })

  test('it ends with its signal, with the client, and with the loop that reads it', async () => {
    const wire = await startStoreWire()
    const over = new AbortController()
    for await (const _ of discover(wire.client, 'api', { signal: over.signal })) over.abort()
    for await (const _ of discover(wire.client, 'api')) break
    for await (const _ of discover(wire.client, 'api')) await wire.client.close()
  })
})
