/** `muster render` and `muster env` as processes beside a real member. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { type Child, NODE, ROOT } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MemberProcess, planMembers } from '../support/member-process.ts'
import { makeScratchDir, scratchDir, startChild } from '../support/scratch.ts'

const MUSTER = join(ROOT, 'bin', 'muster.ts')
/** Changes whose way to the file is timed. */
const CHANGES = 9

let folder: string
let member: MemberProcess
let client: MusterClient
let place = 0

beforeAll(async () => {
  folder = await makeScratchDir()
  const [spec] = await planMembers(['m1'], folder, ['--event-history', '20'])
  if (spec === undefined) throw new Error('no member was planned')
  member = new MemberProcess(spec)
  await member.start()
  client = new MusterClient({ endpoints: [member.url] })
})

afterAll(async () => {
  await client.close()
  await member.kill()
  await rm(folder, { recursive: true, force: true })
})

/** A part of the tree for one test. */
function freshPrefix(): string {
  place += 1
  return `/t${place}`
}

function muster(words: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  return startChild(NODE, [MUSTER, ...words], { env: { ETCDCTL_ENDPOINTS: member.url, ...env } })
}

async function confd(prefix: string, source: string, toml = ''): Promise<string> {
  const folder = await scratchDir()
  await mkdir(join(folder, 'conf.d'))
  await mkdir(join(folder, 'templates'))
  await writeFile(join(folder, 'templates/a.tmpl'), source)
  const resource = `[template]\nsrc = "a.tmpl"\ndest = "${join(folder, 'out')}"\nprefix = "${prefix}"\nkeys = ["/"]\n${toml}\n`
  await writeFile(join(folder, 'conf.d/a.toml'), resource)
  return folder
}

/** A program that shows what it has at once, and takes a while until it knows what to do at HUP. */
function slowStarter(show: string): string {
  return `echo has $(${show}); sleep 0.3; trap 'echo told $(${show})' HUP; while :; do sleep 0.05; done`
}

function until(file: string, text: string, msMax?: number): Promise<boolean> {
  return eventually(`${file} to hold ${text}`, async () => (await readFile(file, 'utf8')) === text, msMax)
}

describe('muster render', () => {
  test("takes confd's command line, makes the files once, and its status tells whether all were made", async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/name`, 'shop')
    const folder = await confd(prefix, 'name = {{getv "/name"}}\n', 'mode = "0600"')
    const words = [
      'render',
      '-onetime',
      '-backend',
      'etcd',
      '-confdir',
      folder,
      '-node',
      member.url,
      '-log-level=debug',
    ]
    const child = muster(words, { ETCDCTL_ENDPOINTS: '' })
    expect(await child.exited, child.stderr).toEqual({ code: 0, signal: null })
    expect(await readFile(join(folder, 'out'), 'utf8')).toBe('name = shop\n')
    await client.delete(`${prefix}/name`)
    const second = muster(words)
    expect((await second.exited).code).toBe(1)
    expect(second.stderr).toMatch(
      /the last good file stays: template: a\.tmpl:1:9: at <getv "\/name">: .*key does not exist/,
    )
    expect(await readFile(join(folder, 'out'), 'utf8')).toBe('name = shop\n')
  })

  test('says what is wrong with the directory, the words and the store, with status 1 or 2', async () => {
    const folder = await scratchDir()
    const broken = muster(['render', '-onetime', '-confdir', folder])
    expect((await broken.exited).code).toBe(1)
    expect(broken.stderr).toMatch(/^muster: cannot read .*conf\.d: ENOENT.*\(MUSTER_RENDER_CONFIG\)\n$/)
    const consul = muster(['render', '-backend', 'consul'])
    expect([(await consul.exited).code, consul.stderr]).toEqual([
      1,
      expect.stringContaining('the backend consul is none'),
    ])
    const wrong = muster(['render', '-interval', 'soon'])
    expect((await wrong.exited).code).toBe(2)
    const dead = await confd('/x', '{{getv "/a"}}')
    const child = muster(['render', '-onetime', '-confdir', dead, '-node', `http://127.0.0.1:${await freePort()}`])
    expect((await child.exited).code).toBe(1)
    expect(child.stderr).toMatch(/the last good file stays: .*127\.0\.0\.1/)
  })

  test(`follows: the median way of ${CHANGES} changes to the file takes less than 100 ms`, async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, 'first')
    const folder = await confd(prefix, '{{getv "/n"}}')
    muster(['render', '--confdir', folder])
    const out = join(folder, 'out')
    await until(out, 'first')
    const tookMs: number[] = []
    for (let n = 0; n < CHANGES; n += 1) {
      // Alone, as on an idle cluster: the change before has settled.
      const restMs = performance.now() + 1_100
      await eventually('a rest', () => performance.now() > restMs)
      const beganMs = performance.now()
      await client.set(`${prefix}/n`, String(n))
      await until(out, String(n))
      tookMs.push(performance.now() - beganMs)
    }
    tookMs.sort((a, b) => a - b)
    const median = tookMs[tookMs.length >> 1] ?? Number.POSITIVE_INFINITY
    console.log(
      `a change reaches the file after ${tookMs.map((ms) => ms.toFixed(1)).join(', ')} ms; median ${median.toFixed(1)}`,
    )
    expect(median).toBeLessThan(100)
  })

  test('serves its status; a dead store and a lost history leave the file, and it goes on when the store is back', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const folder = await confd(prefix, '{{range gets "/*"}}{{.Key}}={{.Value}} {{end}}')
    const port = await freePort()
    muster(['render', '--confdir', folder, '--status-addr', `:${port}`])
    const out = join(folder, 'out')
    await until(out, '/n=1 ')
    const ask = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
    const state = async () => JSON.parse(await ask('/status'))
    expect(
      await eventually('success', async () => (await state()).templates[0].lastSuccess !== null && (await state())),
    ).toMatchObject({
      store: { reachable: true, error: null, resyncs: 0 },
      templates: [{ name: 'a.toml', dest: out, pending: false, lastError: null, replaced: 1, failures: 0 }],
    })
    expect(await ask('/metrics')).toContain('muster_render_ok{template="a.toml"} 1\n')
    await expect(fetch(`http://[::1]:${port}/status`), 'it listens at 127.0.0.1 only').rejects.toThrow()
    await member.kill()
    await eventually('the word of it', async () => (await state()).store.reachable === false)
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(503)
    expect(await readFile(out, 'utf8')).toBe('/n=1 ')
    await member.start()
    await client.set(`${prefix}/m`, '2')
    for (let n = 0; n < 40; n += 1) await client.set('/elsewhere', String(n))
    await until(out, '/m=2 /n=1 ')
    const { resyncs } = (await state()).store
    expect(await ask('/metrics')).toContain(`\nmuster_render_resyncs_total ${resyncs}\n`)
    await eventually('health', async () => (await fetch(`http://127.0.0.1:${port}/health`)).status === 200)
  })

  test('starts a command when the files are there, signals it at changes, and ends with its status', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const folder = await confd(prefix, '{{getv "/n"}}')
    const out = join(folder, 'out')
    const script = `trap 'echo told $(cat ${out})' USR1; trap 'echo asked to end; exit 7' TERM; echo has $(cat ${out}); while :; do sleep 0.05; done`
    const child = muster(['render', '--confdir', folder, '--reload-signal', 'USR1', '--', 'sh', '-c', script])
    await child.untilOutput(/has 1/)
    await client.set(`${prefix}/n`, '2')
    await child.untilOutput(/told 2/)
    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 7, signal: null })
    expect(child.stdout).toContain('asked to end')
  })

  test('with -onetime and a command starts that when all files are made, and not when one cannot be', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const folder = await confd(prefix, '{{getv "/n"}}')
    const words = ['render', '-onetime', '-confdir', folder, '--', 'sh', '-c', `echo has $(cat ${folder}/out); exit 7`]
    const child = muster(words)
    expect([await child.exited, child.stdout]).toEqual([{ code: 7, signal: null }, 'has 1\n'])
    await client.delete(`${prefix}/n`)
    const second = muster(words)
    expect([await second.exited, second.stdout]).toEqual([{ code: 1, signal: null }, ''])
    const nobody = muster(['render', '-confdir', folder, '--reload-signal', 'HUP'])
    expect((await nobody.exited).code).toBe(1)
    expect(nobody.stderr).toContain('--reload-signal and --restart are for a COMMAND behind --, and there is none')
  })

  test('does not signal a command that has just been started before it can expect it', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const folder = await confd(prefix, '{{getv "/n"}}')
    const out = join(folder, 'out')
    const child = muster(['render', '--confdir', folder, '--', 'sh', '-c', slowStarter(`cat ${out}`)])
    await child.untilOutput(/has 1/)
    await client.set(`${prefix}/n`, '2')
    await child.untilOutput(/told 2/)
    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 143, signal: null })
  })

  test('reads the directory again at SIGHUP, and ends at SIGTERM with status 0', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const folder = await confd(prefix, '{{getv "/n"}}')
    const child = muster(['render', '--confdir', folder])
    await until(join(folder, 'out'), '1')
    const toml = await readFile(join(folder, 'conf.d/a.toml'), 'utf8')
    await writeFile(join(folder, 'b'), toml.replace('/out"', '/other"'))
    await rename(join(folder, 'b'), join(folder, 'conf.d/b.toml'))
    child.kill('SIGHUP')
    await until(join(folder, 'other'), '1')
    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 0, signal: null })
  })

  test('ends at SIGTERM while a check hangs, with -onetime and -interval as when it follows', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const ends = [
      { words: ['-onetime'], code: 1 },
      { words: ['-interval', '1'], code: 0 },
      { words: ['-watch'], code: 0 },
    ].map(async ({ words, code }) => {
      const folder = await confd(prefix, '{{getv "/n"}}', 'check_cmd = "echo $$ >{{.dest}}.pid; sleep 600"')
      const toml = await readFile(join(folder, 'conf.d/a.toml'), 'utf8')
      await writeFile(join(folder, 'conf.d/b.toml'), toml.replace('/out"', '/other"').replace(/check_cmd.*/, ''))
      const child = muster(['render', '-confdir', folder, ...words])
      const pid = await eventually('the check', async () => Number(await readFile(join(folder, 'out.pid'), 'utf8')))
      const beganMs = performance.now()
      child.kill('SIGTERM')
      expect(await child.exited, words.join(' ')).toEqual({ code, signal: null })
      expect(performance.now() - beganMs, words.join(' ')).toBeLessThan(30_000)
      expect(() => process.kill(pid, 0), words.join(' ')).toThrow('ESRCH')
      expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([])
      expect(child.stderr, words.join(' ')).not.toMatch(/stays|ERROR/)
    })
    await Promise.all(ends)
  })

  test('looks every so often with -interval', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const folder = await confd(prefix, '{{getv "/n"}}')
    muster(['render', '-confdir', folder, '-interval', '1'])
    await until(join(folder, 'out'), '1')
    await client.set(`${prefix}/n`, '2')
    await until(join(folder, 'out'), '2')
  })
})

describe('muster env', () => {
  test('gives a command the keys, and ends with its status', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/db/url`, 'db:5432')
    await client.set(`${prefix}/9lives`, 'x y')
    const script = 'echo "$DB_URL|$_9LIVES|$OWN"; exit 5'
    const child = muster(['env', '--onetime', prefix, '--', 'sh', '-c', script], { OWN: 'mine' })
    expect(await child.exited).toEqual({ code: 5, signal: null })
    expect(child.stdout).toBe('db:5432|x y|mine\n')
    const pristine = muster(['env', '--onetime', '--pristine', prefix, '--', '/usr/bin/env'], { OWN: 'mine' })
    await pristine.exited
    expect(pristine.stdout.trim().split('\n').toSorted()).toEqual(['DB_URL=db:5432', '_9LIVES=x y'])
  })

  test('restarts it at changes, which are taken together, and never at others', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const script = 'echo "n is $N"; exec sleep 600'
    const child = muster(['env', '--wait', '50ms:1s', prefix, '--', 'sh', '-c', script])
    await child.untilOutput(/n is 1/)
    await client.set(`${prefix}/n`, '1')
    await client.set('/elsewhere', 'x')
    for (let n = 2; n <= 20; n += 1) await client.set(`${prefix}/n`, String(n))
    await child.untilOutput(/n is 20/)
    expect(child.stdout.split('\n').length).toBeLessThan(8)
    expect(child.stdout.match(/n is 1\n/g)).toHaveLength(1)
    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 143, signal: null })
  })

  test('signals it instead when told to, and passes signals on', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const script = 'trap "echo changed" HUP; trap "echo passed on; exit 0" USR2; echo up; while :; do sleep 0.05; done'
    const child = muster(['env', '--signal', 'HUP', '--wait', '20ms', prefix, '--', 'sh', '-c', script])
    await child.untilOutput(/up/)
    await client.set(`${prefix}/n`, '2')
    await child.untilOutput(/changed/)
    child.kill('SIGUSR2')
    expect(await child.exited).toEqual({ code: 0, signal: null })
    expect(child.stdout).toContain('passed on')
  })

  test('does not signal it right after its start, before it can expect it', async () => {
    const prefix = freshPrefix()
    await client.set(`${prefix}/n`, '1')
    const script = slowStarter('echo $N')
    const child = muster(['env', '--signal', 'HUP', '--wait', '1ms', prefix, '--', 'sh', '-c', script])
    await child.untilOutput(/has 1/)
    await client.set(`${prefix}/n`, '2')
    await child.untilOutput(/told 1/)
    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 143, signal: null })
  })

  test('says once that a prefix is not in the store, as when it is misspelt, and starts the command', async () => {
    const child = muster(['env', '/no/such', '--', 'sh', '-c', 'echo up; exit 3'])
    expect([(await child.exited).code, child.stdout]).toEqual([3, 'up\n'])
    expect(child.stderr.match(/\/no\/such is not in the store: the command has no variables of it/g)).toHaveLength(1)
  })

  test('says what cannot be run, with the status of a shell, and which keys cannot be had', async () => {
    const missing = muster(['env', '--onetime', '/', '--', '/no/such/program'])
    expect((await missing.exited).code).toBe(127)
    expect(missing.stderr).toContain('cannot run /no/such/program')
    const dead = muster(['--endpoint', `http://127.0.0.1:${await freePort()}`, 'env', '--onetime', '/', '--', 'true'])
    expect((await dead.exited).code).toBe(1)
    expect(dead.stderr).toMatch(/^.*muster: .*MUSTER_CLIENT_UNREACHABLE/s)
  })
})
