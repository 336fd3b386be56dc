/** `muster registrator` with the old registrator's words, on an engine that a test plays. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { runMuster, startMuster } from '../support/agent-process.ts'
import { clusterOfFile } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { FakeEngine } from '../support/fake-engine.ts'
import { scratchDir } from '../support/scratch.ts'

const cluster = clusterOfFile({ members: 1 })

async function rig() {
  const folder = await scratchDir()
  const engine = await FakeEngine.start()
  const client = new MusterClient({ endpoints: cluster().urls })
  onTestFinished(() => client.close())
  const registry = cluster().urls[0]?.replace('http:', 'etcd:') ?? ''
  return {
    engine,
    folder,
    client,
    registry,
    read: async (path: string) => (await client.peek(path))?.value,
    // The registry alone says where the store is.
    start: (...args: readonly string[]) => startMuster(folder, [], ['registrator', '--docker', engine.path, ...args]),
    run: (...args: readonly string[]) => runMuster(folder, [], ['registrator', '--docker', engine.path, ...args]),
  }
}

test('old command lines work: containers come and go, what an earlier one left is removed, SIGTERM clears up', async () => {
  const { engine, client, registry, read, start } = await rig()
  await client.set('/old/web/h1:dead:80', '10.0.0.1:1')
  await client.set('/old/web/h2:other:80', '10.0.0.2:1')
  const web = engine.run({ name: 'web', env: ['SERVICE_TAGS=a'], ports: { '80/tcp': 32_768 } })
  const words = [
    '-ip',
    '10.0.0.5',
    '-ttl',
    '30',
    '-ttl-refresh=10',
    '-resync',
    '600',
    '-tags',
    'all',
    '-deregister',
    'always',
  ]
  const agent = start(
    ...words,
    '-retry-attempts',
    '-1',
    '-retry-interval',
    '2000',
    '-cleanup=true',
    '-hostname',
    'h1',
    `${registry}/old`,
  )
  await eventually('the address', async () => (await read('/old/web/h1:web:80')) === '10.0.0.5:32768')
  expect(JSON.parse((await read('/old/web/_meta/h1:web:80')) ?? '')).toMatchObject({ tags: ['a', 'all'], agent: 'h1' })
  await eventually('the ghost is gone', async () => (await read('/old/web/h1:dead:80')) === undefined)
  expect(await read('/old/web/h2:other:80')).toBe('10.0.0.2:1')
  expect(await read('/old/_agents/h1')).toContain('"pid"')
  engine.run({ name: 'api', ports: { '8080/tcp': 8080 } })
  await eventually('the new one', () => read('/old/api/h1:api:8080'))
  engine.die(web, 0)
  await eventually('the dead one is gone', async () => (await read('/old/web/_meta/h1:web:80')) === undefined)
  const { index } = await client.get('/old/api/h1:api:8080')
  agent.kill('SIGTERM')
  expect((await agent.exited).code).toBe(0)
  // A successor, which waits for the name, would find its own entries removed if the name were given up before them.
  const [entry, name] = await Promise.all(
    ['/old/api/h1:api:8080', '/old/_agents/h1'].map((path) => removalOf(client, path, index + 1)),
  )
  expect(name).toBeGreaterThan(entry ?? 0)
  expect(await read('/old/api/h1:api:8080')).toBeUndefined()
  expect(await read('/old/_agents/h1')).toBeUndefined()
})

/** Index at which a key was removed. */
async function removalOf(client: MusterClient, path: string, from: number): Promise<number> {
  for await (const watched of client.watch(path, { from })) {
    if (watched.kind === 'event' && watched.event.action === 'compareAndDelete') return watched.index
  }
  return 0
}

test('services of a file are announced beside the containers, and read again on SIGHUP', async () => {
  const { engine, folder, registry, read, start } = await rig()
  engine.run({ name: 'beside', ports: { '80/tcp': 32_768 } })
  const file = join(folder, 'services.yaml')
  const write = (id: string): Promise<void> =>
    writeFile(file, `services:\n  - { name: listed, port: 1, id: ${id}, host: 10.0.0.1 }\n`)
  await write('a')
  const agent = start('--hostname', 'h4', '--file', file, `${registry}/file`)
  await eventually('the container', () => read('/file/beside/h4:beside:80'))
  expect(JSON.parse((await read('/file/listed/_meta/a')) ?? '')).toMatchObject({ agent: 'h4', status: 'passing' })
  await write('b')
  agent.kill('SIGHUP')
  await eventually('the new one', () => read('/file/listed/b'))
  await eventually('the old one is gone', async () => (await read('/file/listed/a')) === undefined)
  expect(await read('/file/beside/h4:beside:80')).toBeDefined()
})

test('a second one under the same name is refused', async () => {
  const { registry, read, start } = await rig()
  const words = ['--hostname', 'twice', '--ttl', '3', registry]
  start(...words)
  await eventually('the name', () => read('/services/_agents/twice'))
  const second = start(...words)
  expect((await second.exited).code).toBe(1)
  expect(second.stderr).toContain('MUSTER_REGISTER_DUPLICATE_AGENT')
})

test('what would be written is shown, and one pass can be made', async () => {
  const { engine, registry, read, run } = await rig()
  engine.run({ name: 'once', ports: { '80/tcp': 9_000 } })
  const skydns = registry.replace('etcd:', 'skydns2:')
  expect(await run('-ip', '10.0.0.5', '-hostname', 'h3', '--dry-run', `${skydns}/cluster.local`)).toMatch(
    /^\/skydns\/local\/cluster\/once\/h3-once-80 ttl=30 \{"host":"10.0.0.5"/,
  )
  expect(await read('/services/once/h3:once:80')).toBeUndefined()
  await run('-ip', '10.0.0.5', '-hostname', 'h3', '--once', registry)
  expect(await read('/services/once/h3:once:80')).toBe('10.0.0.5:9000')
})

test('a dry run prints the others of a container of which the engine tells nonsense', async () => {
  const { engine, registry, start } = await rig()
  const odd = engine.run({ name: 'odd', ports: { '1/tcp': 1 } })
  engine.run({ name: 'web', ports: { '80/tcp': 9_000 } })
  engine.texts.set(`/containers/${odd}/json`, 'null')
  const dry = start('-ip', '10.0.0.5', '-hostname', 'h4', '--dry-run', registry)
  expect((await dry.exited).code).toBe(1)
  expect(dry.stdout).toContain('h4:web:80')
  expect(dry.stderr).toContain(`left out: container ${odd}: it says nonsense`)
})

test('wrong words are told', async () => {
  const { start } = await rig()
  const consul = start('consul://127.0.0.1:8500')
  expect((await consul.exited).code).toBe(1)
  expect(consul.stderr).toContain('MUSTER_REGISTER_BAD_SETTINGS')
  expect((await start('-deregister', 'never').exited).code).toBe(2)
  const check = start('--check-default', 'nonsense')
  expect((await check.exited).code).toBe(1)
  expect(check.stderr).toContain('"nonsense" is no check')
})
