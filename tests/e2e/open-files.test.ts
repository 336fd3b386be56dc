/** A member that may have few files open: clients never take those that its store needs. As real processes. */
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Child, NODE } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { type MemberSpec, MUSTERD, memberArgs, planMembers } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const WAITING = 552
/** Connections of strangers at the peer port: more than a member takes there when files are few. */
const STRANGERS = 300
const WRITES = 600
const VALUE_BYTES = 20_000

async function startWith(filesMax: number): Promise<{ child: Child; spec: MemberSpec }> {
  const [spec] = await planMembers(['solo'], await scratchDir())
  if (spec === undefined) throw new Error('one name gives one member')
  const words = [MUSTERD, ...memberArgs(spec)]
  const child = startChild('sh', ['-c', `ulimit -n ${filesMax} && exec "$0" "$@"`, NODE, ...words])
  return { child, spec }
}

/** A connection that waits on a key, or was closed at once. */
function wait(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1', () =>
    socket.write('GET /v2/keys/never?wait=true HTTP/1.1\r\nHost: a\r\n\r\n'),
  )
  onTestFinished(() => void socket.destroy())
  return new Promise((done) => {
    socket.once('data', () => done(socket))
    socket.once('error', () => done(socket))
    socket.once('close', () => done(socket))
  })
}

/** A connection on which nothing is said. */
function silent(port: number): Promise<unknown> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return new Promise((done) => socket.once('connect', done))
}

function put(port: number, agent: Agent): Promise<number | undefined> {
  return new Promise((done, failed) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const options = { port, host: '127.0.0.1', agent, method: 'PUT', path: '/v2/keys/k', headers }
    const asked = request(options, (response) => {
      response.resume().once('end', () => done(response.statusCode))
    })
    asked.once('error', failed)
    asked.end(`value=${'x'.repeat(VALUE_BYTES)}`)
  })
}

test('more clients than it may have files: some are closed, writes go on, and one line at start said so', async () => {
  const { child, spec } = await startWith(512)
  await child.untilOutput(/^musterd is ready: /m)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  expect(await put(spec.clientPort, agent)).toBe(201)
  await Promise.all(Array.from({ length: STRANGERS }, () => silent(spec.peerPort)))
  const sockets = await Promise.all(Array.from({ length: WAITING }, () => wait(spec.clientPort)))
  const kept = sockets.filter((socket) => !socket.destroyed).length
  expect(kept).toBeGreaterThan(200)
  expect(kept).toBeLessThan(WAITING)
  // So much that LevelDB begins a new log several times.
  for (let at = 0; at < WRITES; at += 1) expect(await put(spec.clientPort, agent)).toBe(200)
  expect(child.exit).toBeUndefined()
  const output = child.stdout + child.stderr
  expect(output.match(/fewer connections of clients are accepted than --max-connections says/g)).toHaveLength(1)
  expect(output).toMatch(/openFilesMax=512 maxConnections=20000 connectionsMax=\d+/)
})

test('a proxy without files for more clients says so, and serves again when there are', async () => {
  const port = await freePort()
  const words = ['--proxy', 'on', '--data-dir', await scratchDir(), '--listen-client-urls', `http://127.0.0.1:${port}`]
  const nobody = `solo=http://127.0.0.1:${await freePort()}`
  const start = ['-c', 'ulimit -n 64 && exec "$0" "$@"', NODE, MUSTERD, ...words, '--initial-cluster', nobody]
  const child = startChild('sh', start)
  await child.untilOutput(/^musterd is ready: /m)
  const sockets = Array.from({ length: 100 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  await child.untilOutput(/this process has all the files open that it may have: .*openFilesMax=64/)
  for (const socket of sockets) socket.destroy()
  await eventually('an answer', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/v2/config/local/proxy`).catch(() => undefined)
    return answer !== undefined
  })
  expect(child.exit).toBeUndefined()
})

test('so few files that nothing would be left for clients: it says how many it needs, and does not start', async () => {
  const { child } = await startWith(100)
  expect(await child.exited).toMatchObject({ code: 1 })
  expect(child.stderr).toMatch(/^musterd: cannot start: this process may have 100 files open, and a member needs \d+ /m)
})
