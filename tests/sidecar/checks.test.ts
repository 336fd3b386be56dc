/** Looks at a service, and what they add up to. */
import { readFile, writeFile } from 'node:fs/promises'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Check, checkOptionsOf, settleCheck } from '../../src/sidecar/checks/check.ts'
import { Checker } from '../../src/sidecar/checks/checker.ts'
import { checkCommand } from '../../src/sidecar/checks/command-check.ts'
import { checkHttp } from '../../src/sidecar/checks/http-check.ts'
import { Tally } from '../../src/sidecar/checks/tally.ts'
import { checkTcp } from '../../src/sidecar/checks/tcp-check.ts'
import { Gate } from '../../src/sidecar/gate.ts'
import { NODE } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { scratchDir, startChild } from '../support/scratch.ts'
import { deadPort } from '../support/tcp-proxy.ts'

const never = new AbortController().signal
const own = { host: '10.0.0.5', port: 80 }

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

function soon(): AbortSignal {
  return AbortSignal.timeout(50)
}

describe('a tally', () => {
  const run = (rise: number, fall: number, initialStatus: 'passing' | 'critical', looks: string): string => {
    const tally = new Tally({ rise, fall, initialStatus })
    const words = { '+': 'passing', '-': 'critical', '~': 'warning' } as const
    return [...looks].map((look) => tally.note({ status: words[look as '+'] })[0]).join('')
  }

  test('passes after so many good looks in a row, and is critical after so many bad ones', () => {
    expect(run(2, 3, 'critical', '+-++--+---+')).toBe('cccppppppcc')
    expect(run(1, 1, 'passing', '-+-')).toBe('cpc')
    expect(run(1, 2, 'passing', '~-+-~')).toBe('wwppw')
  })
})

describe('over HTTP', () => {
  test.each([
    [200, 'passing'],
    [302, 'passing'],
    [429, 'warning'],
    [404, 'critical'],
    [500, 'critical'],
  ] as const)('%i is %s', async (code, status) => {
    const port = await portOf(createHttp((_, response) => response.writeHead(code).end('x')))
    expect(await checkHttp(`http://127.0.0.1:${port}/`, never)).toEqual({ status, output: `status ${code}` })
  })

  test('no answer, half an answer and an endless one are not waited for', async () => {
    const silent = await portOf(createTcp((socket) => socket.on('error', () => {}).resume()))
    expect(await checkHttp(`http://127.0.0.1:${silent}/`, soon())).toEqual({
      status: 'critical',
      output: 'no answer in time',
    })
    const endless = await portOf(
      createHttp((_, response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write('x'.repeat(10_000)), 1)
        response.on('close', () => clearInterval(timer))
      }),
    )
    expect((await checkHttp(`http://127.0.0.1:${endless}/`, AbortSignal.timeout(10_000))).output).not.toBe(
      'no answer in time',
    )
    expect(await checkHttp(`http://127.0.0.1:${await deadPort()}/`, never)).toMatchObject({ status: 'critical' })
  })
})

describe('over TCP', () => {
  test('whoever accepts passes', async () => {
    const port = await portOf(createTcp((socket) => socket.end()))
    expect(await checkTcp('127.0.0.1', port, never)).toEqual({ status: 'passing', output: 'connected' })
    expect(await checkTcp('127.0.0.1', await deadPort(), never)).toEqual({ status: 'critical', output: 'ECONNREFUSED' })
    const aborted = AbortSignal.abort()
    expect(await checkTcp('127.0.0.1', port, aborted)).toMatchObject({ status: 'critical' })
  })
})

describe('by a command', () => {
  test('status 0 passes, and its output tells why it does not', async () => {
    expect(await checkCommand('echo fine', never)).toEqual({ status: 'passing', output: 'fine' })
    expect(await checkCommand('echo why; exit 3', never)).toEqual({ status: 'critical', output: 'exit status 3 why' })
  })

  test('that does not end is killed with all that it started', async () => {
    const file = join(await scratchDir(), 'pid')
    const result = await checkCommand(`sleep 600 & echo $! > ${file}; wait`, AbortSignal.timeout(500))
    expect(result).toEqual({ status: 'critical', output: 'did not end in time' })
    const pid = Number(await readFile(file, 'utf8'))
    await eventually('its child is gone', () => {
      try {
        process.kill(pid, 0)
        return false
      } catch {
        return true
      }
    })
  })

  test('that says too much is cut', async () => {
    const { output } = await checkCommand('yes | head -c 100000', never)
    expect(output.length).toBeLessThanOrEqual(1_024)
  })
})

describe('a checker', () => {
  test('tells of changes only, and nothing after it was closed', async () => {
    const file = join(await scratchDir(), 'well')
    const check: Check = settleCheck({ cmd: `test -e ${file}`, interval: 0.02, fall: 1 }, own)
    const seen: string[] = []
    const checker = new Checker(check, new Gate(1), ({ status }) => seen.push(status))
    await writeFile(file, '')
    await eventually('passing', () => seen.length === 1)
    await checker.close()
    expect(seen).toEqual(['passing'])
    expect(checker.status).toBe('passing')
  })
})

describe('what users write', () => {
  test.each([
    ['http://a/b', { kind: 'http', url: 'http://a/b' }],
    ['/health', { kind: 'http', url: 'http://10.0.0.5:80/health' }],
    ['tcp', { kind: 'tcp', host: '10.0.0.5', port: 80 }],
    ['tcp://:81', { kind: 'tcp', host: '127.0.0.1', port: 81 }],
    ['tcp://[::1]:81', { kind: 'tcp', host: '::1', port: 81 }],
    ['cmd:true', { kind: 'cmd', command: 'true' }],
  ])('%s', (text, target) => {
    expect(settleCheck(checkOptionsOf(text), own)).toMatchObject({
      target,
      intervalMs: 10_000,
      timeoutMs: 5_000,
      rise: 1,
      fall: 2,
    })
  })

  test.each([
    {},
    { http: '/', tcp: true },
    { http: 'ftp://x' },
    { cmd: ' ' },
    { tcp: 'x' },
    { tcp: true, rise: 0 },
    { tcp: true, interval: 0 },
  ])('is refused: %j', (options) => {
    expect(() => settleCheck(options, own)).toThrow(expect.objectContaining({ code: 'MUSTER_REGISTER_BAD_SETTINGS' }))
  })
})

test('a command that cannot be started for want of descriptors is critical, and the agent goes on', async () => {
  const source = new URL('../../src/sidecar/checks/command-check.ts', import.meta.url).href
  const script = `
    const { openSync } = require('node:fs')
    import(${JSON.stringify(source)}).then(async ({ checkCommand }) => {
      try { for (;;) openSync('/dev/null', 'r') } catch {}
      process.stdout.write(JSON.stringify(await checkCommand('true', new AbortController().signal)))
    })`
  const child = startChild('sh', ['-c', 'ulimit -n 64 && exec "$0" -e "$1"', NODE, script])
  expect(await child.exited).toMatchObject({ code: 0 })
  expect(JSON.parse(child.stdout)).toEqual({ status: 'critical', output: 'spawn /bin/sh EMFILE' })
})
