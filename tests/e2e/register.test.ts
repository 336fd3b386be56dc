/** `muster register` as people run it: beside a command, alone, from a file, told to drain, killed. */
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ErrorCode } from '../../src/api.ts'
import { MusterClient } from '../../src/client/client.ts'
import { runMuster, startMuster } from '../support/agent-process.ts'
import { clusterOfFile } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { scratchDir } from '../support/scratch.ts'

const cluster = clusterOfFile({ members: 1 })

async function rig() {
  const folder = await scratchDir()
  const client = new MusterClient({ endpoints: cluster().urls })
  onTestFinished(() => client.close())
  const read = async (path: string): Promise<string | undefined> => {
    try {
      return (await client.get(path, { quorum: true })).node.value
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === ErrorCode.keyNotFound) return undefined
      throw error
    }
  }
  return {
    read,
    folder,
    client,
    start: (...args: readonly string[]) => startMuster(folder, cluster().urls, args),
    run: (...args: readonly string[]) => runMuster(folder, cluster().urls, args),
  }
}

test('SIGTERM removes an instance within a second', async () => {
  const { start, read } = await rig()
  const agent = start('register', 'term', '--port', '8080', '--host', '10.0.0.5', '--id', 'a')
  await eventually('the address', () => read('/services/term/a'))
  expect(JSON.parse((await read('/services/term/_meta/a')) ?? '')).toMatchObject({
    host: '10.0.0.5',
    status: 'passing',
  })
  const beganMs = performance.now()
  agent.kill('SIGTERM')
  await eventually('it is gone', async () => (await read('/services/term/a')) === undefined)
  expect(performance.now() - beganMs).toBeLessThan(1_000)
  expect((await agent.exited).code).toBe(0)
  expect(await read('/services/term/_meta/a')).toBeUndefined()
})

test('kill -9 leaves it to the TTL, and not a second more', async () => {
  const { start, read } = await rig()
  const ttl = 3
  const agent = start('register', 'kill', '--port', '8080', '--id', 'a', '--ttl', String(ttl), '--ttl-refresh', '1')
  await eventually('the address', () => read('/services/kill/a'))
  await agent.end()
  const beganMs = performance.now()
  await eventually('it is gone', async () => (await read('/services/kill/a')) === undefined)
  expect(performance.now() - beganMs).toBeLessThan((ttl + 1) * 1_000)
})

test('a new agent takes over what the old one left without removing it', async () => {
  const { start, read } = await rig()
  const words = ['register', 'over', '--port', '8080', '--id', 'a', '--no-deregister-on-exit']
  const old = start(...words)
  await eventually('the address', () => read('/services/over/a'))
  old.kill('SIGTERM')
  await old.exited
  expect(await read('/services/over/a')).toBeDefined()
  start(...words, '--tags', 'new')
  await eventually('the new one', async () => (await read('/services/over/_meta/a'))?.includes('"tags":["new"]'))
})

test('a new agent that is started first is left alone by the old one, which had the same id and address', async () => {
  const { start, read } = await rig()
  const words = ['register', 'first', '--port', '8080', '--host', '10.0.0.5', '--id', 'a']
  const old = start(...words)
  await eventually('the address', () => read('/services/first/a'))
  const next = start(...words, '--tags', 'new')
  const record = async () => (await read('/services/first/_meta/a')) ?? ''
  await eventually('the new one', async () => (await record()).includes('"tags":["new"]'))
  await next.untilOutput(/announcing/)
  old.kill('SIGTERM')
  expect((await old.exited).code).toBe(0)
  expect(await read('/services/first/a')).toBe('10.0.0.5:8080')
  expect(await record()).toContain('"tags":["new"]')
})

test('alone: USR1 compares with the store, USR2 tells what is known, as do a file and an address for metrics', async () => {
  const { start, read, client, folder } = await rig()
  const file = join(folder, 'status.json')
  const port = await freePort()
  const words = ['--status-file', file, '--metrics-addr', `:${port}`]
  const agent = start('register', 'told', '--port', '8080', '--host', '10.0.0.5', '--id', 'a', '--ttl', '900', ...words)
  await eventually('the address', () => read('/services/told/a'))
  const known = [{ name: 'told', id: 'a', status: 'passing', store: 'registered' }]
  await eventually('the file', async () => JSON.parse(await readFile(file, 'utf8')).instances[0].store === 'registered')
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ instances: known })
  expect(await (await fetch(`http://127.0.0.1:${port}/status`)).json()).toMatchObject({ instances: known })
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  expect(metrics).toContain('muster_agent_instances{status="passing"} 1')
  await client.delete('/services/told/a')
  // Heartbeats and comparisons of its own are minutes away.
  agent.kill('SIGUSR1')
  await eventually('it is back', () => read('/services/told/a'))
  agent.kill('SIGUSR2')
  await agent.untilOutput(/state.*told/s)
  agent.kill('SIGTERM')
  expect((await agent.exited).code).toBe(0)
})

test('beside a command: it gets its environment, and its status is ours', async () => {
  const { start, read } = await rig()
  const code = 'process.stdout.write(process.env.MUSTER_SERVICE_ID + "\\n"); setTimeout(() => process.exit(7), 1500)'
  const agent = start('register', 'beside', '--port', '8080', '--id', 'a', '--', process.execPath, '-e', code)
  await eventually('the address', () => read('/services/beside/a'))
  expect((await agent.exited).code).toBe(7)
  expect(agent.stdout).toBe('a\n')
  expect(await read('/services/beside/a')).toBeUndefined()
})

test('beside a command: nobody is sent to it any more when it is told to end', async () => {
  const { start, read } = await rig()
  // The command asks the store, when SIGTERM reaches it, whether it is still announced.
  const url = `${cluster().urls[0]}/v2/keys/services/order/a?quorum=true`
  const code = `setInterval(() => {}, 1000); process.on('SIGTERM', async () => {
    console.log('announced: ' + (await fetch(${JSON.stringify(url)})).status); process.exit(5) }); console.log('up')`
  const agent = start('register', 'order', '--port', '8080', '--id', 'a', '--', process.execPath, '-e', code)
  await agent.untilOutput(/up/)
  await eventually('the address', () => read('/services/order/a'))
  agent.kill('SIGTERM')
  expect((await agent.exited).code).toBe(5)
  expect(agent.stdout).toContain('announced: 404')
})

test('beside a command: its signals are its own, and a command that is not there is told', async () => {
  const { start } = await rig()
  const code = `setInterval(() => {}, 1000); process.on('SIGUSR2', () => process.exit(9)); console.log('up')`
  const agent = start('register', 'signals', '--port', '8080', '--', process.execPath, '-e', code)
  await agent.untilOutput(/up/)
  agent.kill('SIGUSR2')
  expect((await agent.exited).code).toBe(9)
  const none = start('register', 'none', '--port', '8080', '--', '/no/such/command')
  expect((await none.exited).code).toBe(127)
})

test('only while its check passes it has an address; its record says why', async () => {
  const { start, read } = await rig()
  let status = 500
  const server: Server = createServer((_, response) => response.writeHead(status).end())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => void server.close())
  const port = String((server.address() as AddressInfo).port)
  const check = ['--check', '/health', '--check-interval', '100ms', '--fall', '2']
  start('register', 'checked', '--port', port, '--host', '127.0.0.1', '--id', 'a', ...check)
  await eventually('critical', async () => (await read('/services/checked/_meta/a'))?.includes('"critical"'))
  expect(await read('/services/checked/a')).toBeUndefined()
  status = 200
  await eventually('the address', () => read('/services/checked/a'))
  status = 503
  await eventually('no address', async () => (await read('/services/checked/a')) === undefined)
})

test('drained and given back through the agent of this machine', async () => {
  const { start, run, read } = await rig()
  start('register', 'drained', '--port', '8080', '--id', 'a')
  await eventually('the address', () => read('/services/drained/a'))
  expect(await run('agent', 'drain', 'drained')).toBe('a: draining\n')
  expect(await read('/services/drained/a')).toBeUndefined()
  expect(await read('/services/drained/_meta/a')).toContain('"draining"')
  expect(JSON.parse(await run('agent', 'status'))).toMatchObject({ agents: [{ instances: [{ status: 'draining' }] }] })
  expect(await run('agent', 'undrain', 'drained', 'a')).toBe('a: passing\n')
  expect(await read('/services/drained/a')).toBeDefined()
  await expect(run('agent', 'drain', 'nobody')).rejects.toThrow(/MUSTER_REGISTER_NO_AGENT/)
})

test('a file of services is read again on SIGHUP, and a broken one changes nothing', async () => {
  const { start, read, folder } = await rig()
  const file = join(folder, 'services.yaml')
  const services = (...ports: readonly number[]): string =>
    `services:\n${ports.map((port) => `  - { name: file, port: ${port}, id: "i${port}", host: 10.0.0.1 }\n`).join('')}`
  await writeFile(file, services(1, 2))
  const agent = start('register', '--file', file)
  await eventually('both', async () => (await read('/services/file/i1')) && (await read('/services/file/i2')))
  await writeFile(file, 'services: 7')
  agent.kill('SIGHUP')
  await agent.untilOutput(/stays as it was/)
  expect(await read('/services/file/i1')).toBeDefined()
  await writeFile(file, services(2, 3))
  agent.kill('SIGHUP')
  await eventually('the new one', () => read('/services/file/i3'))
  await eventually('the old one is gone', async () => (await read('/services/file/i1')) === undefined)
  expect(await read('/services/file/i2')).toBe('10.0.0.1:2')
})

test('wrong words are told before anything is started', async () => {
  const { start } = await rig()
  const short = start('register', 'x', '--port', '80', '--ttl', '10', '--ttl-refresh', '5')
  expect((await short.exited).code).toBe(1)
  expect(short.stderr).toMatch(/too short.*MUSTER_REGISTER_BAD_SETTINGS/)
  expect((await start('register', 'x').exited).code).toBe(2)
  const hidden = start('register', '_x', '--port', '80')
  expect((await hidden.exited).code).toBe(1)
  expect(hidden.stderr).toContain('MUSTER_REGISTER_BAD_INSTANCE')
})

test('what would be written is shown without a store', async () => {
  const { folder } = await rig()
  const words = [
    'register',
    'dry',
    '--port',
    '80',
    '--host',
    '10.0.0.1',
    '--id',
    'a',
    '--layout',
    'vulcand',
    '--dry-run',
  ]
  expect(await runMuster(folder, ['http://127.0.0.1:1'], words)).toBe(
    '/vulcand/backends/dry/backend {"Type":"http"}\n/vulcand/backends/dry/servers/a ttl=30 {"URL":"http://10.0.0.1:80"}\n',
  )
})
