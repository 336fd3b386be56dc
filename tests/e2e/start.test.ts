/** Starting and not starting, as real processes; what `tests/bin/` does not cover: other members, other data, other words. */
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Child, NODE } from '../support/child.ts'
import { curl } from '../support/curl.ts'
import { freePort, isFree } from '../support/free-port.ts'
import { MemberProcess, MUSTERD, memberArgs, planMembers } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

async function planOne(args: readonly string[] = []) {
  const [spec] = await planMembers(['solo'], await scratchDir(), args)
  if (spec === undefined) throw new Error('one name gives one member')
  return spec
}

/** A member that is gone when the running test is over. */
function own(member: MemberProcess): MemberProcess {
  onTestFinished(async () => {
    await member.child.end()
  })
  return member
}

/** One sentence on standard error that says why, no stack, nothing on standard output, and a status that is not 0. */
async function expectRefusal(child: Child, sentence: RegExp): Promise<void> {
  const { code, signal } = await child.exited
  expect(child.stderr).toMatch(sentence)
  expect({ code: code !== null && code > 0, signal, stdout: child.stdout }).toEqual({
    code: true,
    signal: null,
    stdout: '',
  })
  const lines = child.stderr.split('\n').filter((line) => line !== '' && !line.startsWith("Run 'musterd --help'"))
  expect(lines.filter((line) => line.startsWith('musterd: '))).toHaveLength(1)
  expect(child.stderr).not.toMatch(/^ {4}at /m)
}

function musterd(words: readonly string[], env: Record<string, string> = {}, cwd?: string): Child {
  return startChild(NODE, [MUSTERD, ...words], { env, ...(cwd === undefined ? {} : { cwd }) })
}

describe('a start that cannot be', () => {
  test('because another process has the data directory open, which goes on serving', async () => {
    const spec = await planOne()
    const first = own(new MemberProcess(spec))
    await first.start()
    const ports = { clientPort: await freePort(), peerPort: await freePort() }
    const second = musterd(memberArgs({ ...spec, ...ports, initialCluster: `solo=http://127.0.0.1:${ports.peerPort}` }))
    await expectRefusal(second, /^musterd: cannot open ".*solo": another process has it open/m)
    expect(await curl('-X', 'PUT', `${first.url}/v2/keys/k`, '-d', 'value=v')).toContain('"value":"v"')
  })

  test('because the data directory holds something else', async () => {
    const spec = await planOne()
    await mkdir(join(spec.dataDir, 'member/wal'), { recursive: true })
    await writeFile(join(spec.dataDir, 'member/wal/0.wal'), 'not ours')
    await expectRefusal(
      musterd(memberArgs(spec)),
      /^musterd: cannot use ".*solo" as data directory: .*looks like a data directory of etcd$/m,
    )
  })

  test('because the data directory cannot be made', async () => {
    const spec = await planOne()
    await writeFile(spec.dataDir, 'a file')
    await expectRefusal(musterd(memberArgs(spec)), /^musterd: cannot use ".*solo" as data directory: /m)
  })

  test.each(['clientPort', 'peerPort'] as const)('because its %s is taken', async (which) => {
    const spec = await planOne()
    const taken = createServer().listen(spec[which], '127.0.0.1')
    await new Promise((done) => taken.once('listening', done))
    onTestFinished(() => void taken.close())
    await expectRefusal(
      musterd(memberArgs(spec)),
      new RegExp(
        `^musterd: cannot listen at http://127.0.0.1:${spec[which]}: the port is in use by another process$`,
        'm',
      ),
    )
  })

  test.each([
    ['--listen-client-urls', 'nonsense'],
    ['--listen-client-urls', 'ftp://127.0.0.1:1'],
    ['--listen-peer-urls', 'http://127.0.0.1'],
    ['--initial-advertise-peer-urls', 'http://127.0.0.1:1/path'],
    ['--advertise-client-urls', ':1'],
    ['--initial-cluster', 'solo'],
  ])('because %s %s is no good', async (flag, value) => {
    const spec = await planOne([flag, value])
    await expectRefusal(musterd(memberArgs(spec)), new RegExp(`^musterd: .*${flag}`, 'm'))
  })

  test('because the initial cluster does not know its name, or knows other URLs of it', async () => {
    const spec = await planOne()
    const unknown = { ...spec, initialCluster: 'other=http://127.0.0.1:1' }
    await expectRefusal(
      musterd(memberArgs(unknown)),
      /^musterd: couldn't find local name "solo" in the initial cluster configuration$/m,
    )
    const elsewhere = { ...spec, initialCluster: 'solo=http://127.0.0.1:1' }
    await expectRefusal(
      musterd(memberArgs(elsewhere)),
      /^musterd: --initial-cluster has solo=http:\/\/127.0.0.1:1 but missing/m,
    )
  })
})

describe('a good start', () => {
  test('is one clear line, and what was acknowledged before kill -9 is there after it, with its indexes', async () => {
    const member = own(new MemberProcess(await planOne()))
    await member.start()
    const { clientPort, peerPort } = member.spec
    expect(member.child.stdout).toMatch(
      /^musterd is ready: member "solo" \([0-9a-f]+\) of cluster [0-9a-f]+ serves .*\n$/,
    )
    expect(member.child.stdout).toContain(`http://127.0.0.1:${clientPort}`)
    expect(member.child.stdout).toContain(`http://127.0.0.1:${peerPort}`)
    const put = await curl('-X', 'PUT', `${member.url}/v2/keys/kept`, '-d', 'value=v')
    await member.kill()
    await member.start()
    const get = await curl(`${member.url}/v2/keys/kept`)
    expect(get).toBe(put.replace('"action":"set"', '"action":"get"'))
  })

  test('takes flags in the manner of Go', async () => {
    const spec = await planOne()
    const words = memberArgs(spec).map((word) => word.replace(/^--/, '-'))
    const joined = words.flatMap((word, at) => (word.startsWith('-') ? [`${word}=${words[at + 1]}`] : []))
    const [first = '', second = '', ...others] = joined
    const child = musterd([...first.split('='), second, ...others])
    await child.untilOutput(/ready: member "solo"/)
    expect(await curl(`http://127.0.0.1:${spec.clientPort}/v2/machines`)).toBeDefined()
  })

  test('takes ETCD_ variables, MUSTER_ ones before them, and flags before both', async () => {
    const spec = await planOne()
    const words = memberArgs(spec)
    const env: Record<string, string> = {}
    for (let at = 0; at < words.length; at += 2) {
      env[`ETCD_${(words[at] ?? '').slice(2).toUpperCase().replaceAll('-', '_')}`] = words[at + 1] ?? ''
    }
    const cluster = `flagged=http://127.0.0.1:${spec.peerPort}`
    const child = musterd(['--name', 'flagged'], { ...env, MUSTER_NAME: 'beaten', MUSTER_INITIAL_CLUSTER: cluster })
    await child.untilOutput(/ready: member "flagged"/)
    expect(child.stdout).toContain(`http://127.0.0.1:${spec.clientPort}`)
  })

  test('needs no options at all: one member, its data under the working directory', async ({ skip }) => {
    for (const port of [2379, 2380]) {
      if (!(await isFree(port))) skip(`port ${port}, where a member without options listens, is in use on this machine`)
    }
    const child = musterd([], {}, await scratchDir())
    await child.untilOutput(/ready: member "default"/)
    expect(await curl('-L', '-X', 'PUT', 'http://127.0.0.1:2379/v2/keys/message', '-d', 'value=Hello')).toContain(
      '"value":"Hello"',
    )
    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 0, signal: null })
  })
})
