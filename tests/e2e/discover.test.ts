/** `muster discover` and `muster ambassador` as people run them, beside `muster register` and a real member. */
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/entry/client.ts'
import { startMuster } from '../support/agent-process.ts'
import type { Child } from '../support/child.ts'
import { clusterOfFile } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { scratchDir } from '../support/scratch.ts'

const cluster = clusterOfFile({ members: 1 })

async function rig() {
  const folder = await scratchDir()
  const client = new MusterClient({ endpoints: cluster().urls })
  onTestFinished(() => client.close())
  return { folder, client, start: (...words: readonly string[]): Child => startMuster(folder, cluster().urls, words) }
}

/** A server that says its name to everybody who comes, and ends. */
async function saying(name: string): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => socket.on('error', () => {}).end(name))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => void server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

/** What the one behind an address says; undefined: the connection failed. */
async function heard(port: number): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    return await text(socket)
  } catch {
    return undefined
  }
}

test('muster discover prints a table, variables and JSON, and its status tells whether there is anybody', async () => {
  const { client, start } = await rig()
  const nobody = start('discover', 'shop')
  expect((await nobody.exited).code).toBe(4)
  await using _ = await client.register({ name: 'shop', id: "o'b;x", host: '10.0.0.5', port: 80, tags: ['eu', 'v2'] })
  await client.set('/services/shop/plain', '[fd00::1]:81')
  const [table, variables, json] = [
    start('discover', 'shop'),
    start('discover', 'shop', '-o', 'env'),
    start('discover', 'shop', '-o', 'json'),
  ]
  expect([(await table.exited).code, table.stdout.split('\n').map((line) => line.split(/ {2,}/))]).toEqual([
    0,
    [
      ['ID', 'ADDRESS', 'STATUS', 'TAGS'],
      ["o'b;x", '10.0.0.5:80', 'passing', 'eu,v2'],
      ['plain', '[fd00::1]:81', 'passing'],
      [''],
    ],
  ])
  await variables.exited
  expect(variables.stdout).toContain("SHOP_COUNT=2\nSHOP_ADDRESSES='10.0.0.5:80,[fd00::1]:81'\nSHOP_1_ID='o'\\''b;x'\n")
  await json.exited
  expect(JSON.parse(json.stdout)).toMatchObject({ name: 'shop', stale: false, instances: [{ port: 80 }, { port: 81 }] })
  const wrong = start('discover', '_hidden')
  expect([(await wrong.exited).code, wrong.stderr]).toEqual([
    1,
    expect.stringContaining('MUSTER_REGISTER_BAD_INSTANCE'),
  ])
})

test('muster discover --follow prints a line for each change, and ends with status 0 when it is told to', async () => {
  const { client, start } = await rig()
  const following = start('discover', 'tail', '--follow', '-o', 'json')
  await following.untilOutput(/"instances":\[\].*\n/)
  const registered = await client.register({ name: 'tail', id: 'a', host: '10.0.0.5', port: 80 })
  await following.untilOutput(/"id":"a".*\n/)
  await registered.drain()
  await eventually('it to be gone', () => /"instances":\[\],.*\n$/.test(following.stdout))
  await registered.close()
  following.kill('SIGTERM')
  expect((await following.exited).code).toBe(0)
})

test('muster ambassador: two services at fixed addresses, through added, killed and drained instances, and with the store away', async () => {
  const { client, start } = await rig()
  const [a, b, db] = [await saying('a'), await saying('b'), await saying('db')]
  const ambassador = start('ambassador', 'amb=127.0.0.1:0', 'db=127.0.0.1:0', '--status-addr', ':0')
  const portOf = async (service: string): Promise<number> =>
    Number((await ambassador.untilOutput(new RegExp(`service=${service} address=127\\.0\\.0\\.1:(\\d+)`)))[1])
  const [web, other] = [await portOf('amb'), await portOf('db')]
  const status = Number((await ambassador.untilOutput(/serving the status.*port=(\d+)/))[1])
  const waiting = heard(web)
  const first = await client.register({ name: 'amb', id: 'a', host: '127.0.0.1', port: a.port })
  await using _ = await client.register({ name: 'amb', id: 'b', host: '127.0.0.1', port: b.port })
  await using __ = await client.register({ name: 'db', id: 'x', host: '127.0.0.1', port: db.port })
  expect(await waiting).toMatch(/^[ab]$/)
  await eventually('both in turn', async () => new Set([await heard(web), await heard(web)]).size === 2)
  expect(await heard(other)).toBe('db')

  // One is gone without a word: its connections go elsewhere.
  await new Promise((done) => b.server.close(done))
  for (let each = 0; each < 6; each += 1) expect(await heard(web)).toBe('a')
  await new Promise<void>((done) => b.server.listen(b.port, '127.0.0.1', done))
  await first.drain()
  await eventually('the other alone', async () => (await heard(web)) === 'b')

  await cluster().members[0]?.kill()
  await eventually('that the store is away', async () => {
    const answer = await fetch(`http://127.0.0.1:${status}/status`)
    const { services } = (await answer.json()) as { readonly services: readonly { readonly stale: boolean }[] }
    return services.every(({ stale }) => stale)
  })
  expect(await heard(web)).toBe('b')
  const metrics = await (await fetch(`http://127.0.0.1:${status}/metrics`)).text()
  expect(metrics).toMatch(/^muster_ambassador_instances\{service="amb"\} 1$/m)
  expect(metrics).toMatch(/^muster_ambassador_retried_total\{service="amb"\} [1-9]/m)
  await cluster().members[0]?.start()
  ambassador.kill('SIGTERM')
  expect((await ambassador.exited).code).toBe(0)
})
