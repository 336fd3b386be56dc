/** Registering and finding, by the library as programs have it, on muster and on a real etcd. */
import { expect, onTestFinished, test } from 'vitest'
import { type InstanceList, MusterClient } from '../../src/entry/client.ts'
import { eventually } from '../support/eventually.ts'
import { describeOnStores } from '../support/store-servers.ts'

describeOnStores('a service', (server) => {
  test('that is registered is found with its record, leaves when it drains, comes back, and is gone when it is closed', async () => {
    const client = new MusterClient({ endpoints: [server.url] })
    onTestFinished(() => client.close())
    const over = new AbortController()
    const lists: InstanceList[] = []
    const reading = (async () => {
      for await (const list of client.discover('api', { signal: over.signal })) lists.push(list)
    })()
    await eventually('the first list', () => lists.length === 1)
    const registered = await client.register({ name: 'api', id: 'a', host: '10.0.0.5', port: 80, tags: ['eu'] })
    await eventually('it with its tags', () => lists.at(-1)?.instances[0]?.tags[0] === 'eu')
    expect((await client.discoverNow('api')).instances).toMatchObject([{ id: 'a', tags: ['eu'], status: 'passing' }])
    await registered.drain()
    await eventually('nobody', () => lists.at(-1)?.instances.length === 0)
    const all = await client.discoverNow('api', { healthyOnly: false })
    expect(all.instances).toMatchObject([{ id: 'a', status: 'draining' }])
    await registered.undrain()
    await eventually('it again', () => lists.at(-1)?.instances.length === 1)
    await registered.close()
    await eventually('nobody', () => lists.at(-1)?.instances.length === 0)
    expect(lists.some(({ stale }) => stale)).toBe(false)
    over.abort()
    await reading
  })
})
