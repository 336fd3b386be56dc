/** `muster lock` and `muster elect` run a command while they hold something, and end it when they do not. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/entry/client.ts'
import { startServer } from '../../src/entry/server.ts'
import { type Child, NODE, ROOT } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { scratchDir, startChild } from '../support/scratch.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { startWithUsersOn } from '../support/users-on.ts'

const MUSTER = join(ROOT, 'bin', 'muster.ts')
/** Shell for staying: half a minute at most, and not longer than whoever started it. */
const STAY = 'i=0; while [ $i -lt 300 ] && kill -0 $PPID; do sleep 0.1; i=$((i+1)); done'

/** Whether a process runs; one that nobody has collected yet does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** A server, a wire to it that can be cut, and the tool beside. */
async function rig() {
  const server = await startServer()
  onTestFinished(() => server.stop())
  const wire = await new TcpProxy(() => Number(new URL(server.url).port)).listen()
  onTestFinished(() => wire.close())
  const client = new MusterClient({ endpoints: [server.url] })
  onTestFinished(() => client.close())
  const muster = (...words: readonly string[]): Child => {
    return startChild(NODE, [MUSTER, ...words], { env: { ETCDCTL_ENDPOINTS: wire.url, MUSTER_ENDPOINTS: wire.url } })
  }
  return { wire, client, muster }
}

describe('muster lock', () => {
  test('runs the command with the token in its environment and ends with its status', async () => {
    const { client, muster } = await rig()
    const shown = muster('lock', 'job', '--', 'sh', '-c', 'echo $MUSTER_LOCK_NAME $MUSTER_LOCK_FENCE; exit 7')
    expect(await shown.exited).toMatchObject({ code: 7 })
    const [, name, fence] = /^(\S+) (\d+)$/m.exec(shown.stdout) ?? []
    expect(name).toBe('/job')
    const next = await client.lock('/job')
    expect(next.fence).toBeGreaterThan(Number(fence))
    await next.unlock()
  })

  test('lets one command run at a time, and says when it waits', async () => {
    const { client, muster } = await rig()
    const held = await client.lock('/job')
    const waiting = muster('lock', '/job', '--', 'echo', 'mine')
    await waiting.untilOutput(/the lock "\/job" is held by \S+:\d+: waiting/)
    expect(waiting.stdout).toBe('')
    await held.unlock()
    expect(await waiting.exited).toMatchObject({ code: 0 })
    expect(waiting.stdout).toBe('mine\n')
  })

  test('gives up in time with status 75, and leaves nothing in the queue', async () => {
    const { client, muster } = await rig()
    const held = await client.lock('/job')
    for (const wait of ['0s', '100ms']) {
      const late = muster('lock', '--wait', wait, 'job', '--', 'echo', 'mine')
      expect(await late.exited).toMatchObject({ code: 75 })
      expect([late.stdout, late.stderr]).toEqual(['', expect.stringContaining('could not be had in time')])
    }
    const next = client.lock('/job')
    await held.unlock()
    await (await next).unlock()
  })

  test('ends the command, and what it has started, when the lock is lost: with TERM, then with KILL', async () => {
    const { client, muster, wire } = await rig()
    const folder = await scratchDir()
    const script = `trap 'echo told' TERM; sh -c 'trap "" TERM; echo $$ >${folder}/inner; ${STAY}' & echo up; ${STAY}`
    const running = muster('lock', '--ttl', '5', 'job', '--', 'sh', '-c', script)
    await running.untilOutput(/^up$/m)
    const inner = await eventually('the inner process', async () => Number(await readFile(`${folder}/inner`, 'utf8')))
    wire.stall()
    const next = await client.lock('/job')
    // Nobody else has the lock before the command is gone.
    expect(isAlive(inner)).toBe(false)
    expect(await running.exited).toMatchObject({ code: 76 })
    expect(running.stdout).toContain('told')
    expect(running.stderr).toMatch(/the lock "\/job" was lost, .*the last one: .*\(MUSTER_SESSION_LOST\)/)
    await next.unlock()
  })

  test('passes signals on to the command, and gives the lock back behind it', async () => {
    const { client, muster } = await rig()
    const running = muster('lock', 'job', '--', 'sh', '-c', `trap 'exit 3' TERM; echo up; ${STAY}`)
    await running.untilOutput(/^up$/m)
    running.kill('SIGTERM')
    expect(await running.exited).toMatchObject({ code: 3 })
    await (await client.lock('/job')).unlock()
  })

  test('that is interrupted while it waits leaves nothing in the queue', async () => {
    const { client, muster } = await rig()
    const held = await client.lock('/job')
    const waiting = muster('lock', 'job', '--', 'true')
    await waiting.untilOutput(/waiting/)
    waiting.kill('SIGTERM')
    expect(await waiting.exited).toMatchObject({ code: 143 })
    const next = client.lock('/job')
    await held.unlock()
    await (await next).unlock()
  })

  test('waits for longer than a timer can run, too', async () => {
    const { client, muster } = await rig()
    const held = await client.lock('/job')
    const waiting = muster('lock', '--wait', '1000h', 'job', '--', 'true')
    await Promise.race([waiting.untilOutput(/waiting/), waiting.exited])
    await held.unlock()
    expect(await waiting.exited).toMatchObject({ code: 0 })
  })

  test('says what is wrong by its status: no words 2, no cluster 69, no such command 127', async () => {
    const { muster } = await rig()
    expect(await muster('lock', 'job').exited).toMatchObject({ code: 2 })
    expect(await muster('lock', '--ttl', '0', 'job', '--', 'true').exited).toMatchObject({ code: 2 })
    const nobody = muster('--endpoints', `http://127.0.0.1:${await freePort()}`, 'lock', 'job', '--', 'true')
    expect(await nobody.exited).toMatchObject({ code: 69 })
    expect(nobody.stderr).toMatch(/^muster: cannot reach .* \(MUSTER_CLIENT_UNREACHABLE\)$/m)
    expect(await muster('lock', 'job', '--', '/no/such/command').exited).toMatchObject({ code: 127 })
    for (const dots of ['.', '..', '/jobs/..']) {
      const refused = muster('lock', dots, '--', 'true')
      expect(await refused.exited).toMatchObject({ code: 2 })
      expect(refused.stderr).toContain('is no name for a lock')
    }
    const negative = muster('lock', '--wait=-1s', 'job', '--', 'true')
    expect(await negative.exited).toMatchObject({ code: 2 })
    expect(negative.stderr).toContain('a duration is not negative')
  })

  test('names the right that is missing where users are on', async () => {
    const { url } = await startWithUsersOn(['/jobs/*'])
    const env = { MUSTER_ENDPOINTS: url, MUSTER_USERNAME: 'al:a' }
    const allowed = startChild(NODE, [MUSTER, 'lock', '/jobs/nightly', '--', 'true'], { env })
    expect(await allowed.exited).toMatchObject({ code: 0 })
    for (const [words, directory] of [
      [['lock', '/other/nightly', '--', 'true'], '/other/_lock-nightly*'],
      [['elect', 'boss', 'me'], '/_election-boss*'],
    ] as const) {
      const refused = startChild(NODE, [MUSTER, ...words], { env })
      expect(await refused.exited).toMatchObject({ code: 77 })
      expect(refused.stderr).toContain(`no right to read and write ${directory}: 110 `)
    }
  })
})

describe('muster elect', () => {
  test('runs the command while it leads; the next candidate leads when that one is killed', async () => {
    const { client, muster } = await rig()
    const words = ['elect', '--ttl', '2', 'boss']
    const command = ['--', 'sh', '-c', `echo $MUSTER_ELECT_ID $MUSTER_ELECT_FENCE; ${STAY}`]
    const one = muster(...words, 'one', ...command)
    const [, first] = await one.untilOutput(/^one (\d+)$/m)
    expect(await client.election('/boss').leader()).toMatchObject({ value: 'one', fence: Number(first) })
    const two = muster(...words, 'two', ...command)
    await one.end()
    const [, second] = await two.untilOutput(/^two (\d+)$/m)
    expect(Number(second)).toBeGreaterThan(Number(first))
    two.kill('SIGTERM')
    expect(await two.exited).toMatchObject({ code: 143 })
    expect(await client.election('/boss').leader()).toBeUndefined()
  })

  test('without a command says where it stands, and --listen who leads', async () => {
    const { muster } = await rig()
    const listening = muster('elect', '--listen', 'boss')
    await listening.untilOutput(/^-$/m)
    const one = muster('elect', 'boss', 'one')
    await one.untilOutput(/^follower\nleader \d+$/m)
    await listening.untilOutput(/^-\none \d+$/m)
    one.kill('SIGTERM')
    expect(await one.exited).toMatchObject({ code: 0 })
    await listening.untilOutput(/^-\none \d+\n-$/m)
    listening.kill('SIGINT')
    expect(await listening.exited).toMatchObject({ code: 0 })
    expect(await muster('elect', 'boss').exited).toMatchObject({ code: 2 })
  })

  test('says that nobody answers, and once that somebody does again', async () => {
    const { muster } = await rig()
    const port = await freePort()
    const listener = muster('--endpoints', `http://127.0.0.1:${port}`, 'elect', '--listen', 'x')
    await listener.untilOutput(/trying again/)
    const server = await startServer({ port })
    onTestFinished(() => server.stop())
    await listener.untilOutput(/answers again/)
    await listener.untilOutput(/^-$/m)
    listener.kill('SIGTERM')
    await listener.exited
    expect(listener.stderr.match(/again$/gm)).toHaveLength(2)
  })

  test('ends the command when the leadership is lost, and runs it again in a later term', async () => {
    const { client, muster } = await rig()
    const script = `echo $MUSTER_ELECT_FENCE; ${STAY}`
    const one = muster('elect', '--ttl', '2', 'boss', 'one', '--', 'sh', '-c', script)
    await one.untilOutput(/^\d+$/m)
    const leader = await client.election('/boss').leader()
    await client.delete(leader?.key ?? '')
    const [, first, second] = await one.untilOutput(/^(\d+)\n(\d+)$/m)
    expect(Number(second)).toBeGreaterThan(Number(first))
    expect(one.stderr).toContain('no longer the leader')
  })
})
