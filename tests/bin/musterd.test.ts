/** The server's command: what it prints, and how it ends. What keeps it from starting is in `tests/e2e/start.test.ts`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Child, NODE } from '../support/child.ts'
import { freePort } from '../support/free-port.ts'
import { MUSTERD } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

/** What a stop in order may take. Milliseconds. */
const STOP_MS_MAX = 5_000

/** Runs the command in a folder of its own; it is gone when the test is over. */
function musterd(words: readonly string[], folder: string): Child {
  return startChild(NODE, [MUSTERD, ...words], { cwd: folder, env: { PATH: process.env['PATH'], NO_COLOR: '1' } })
}

/** Flags of a single member on two free ports. */
async function flags(): Promise<{
  readonly words: readonly string[]
  readonly clients: number
  readonly peers: number
}> {
  const [clients, peers] = [await freePort(), await freePort()]
  const urls = [`http://127.0.0.1:${clients}`, `http://127.0.0.1:${peers}`]
  const words = [
    ...[`--listen-client-urls=${urls[0]}`, `--advertise-client-urls=${urls[0]}`],
    ...[`--listen-peer-urls=${urls[1]}`, `--initial-advertise-peer-urls=${urls[1]}`],
  ]
  return { words, clients, peers }
}

async function outcome(child: Child) {
  const { code } = await child.exited
  return { code, stdout: child.stdout, stderr: child.stderr }
}

describe('words', () => {
  test('--help and --version print to standard output and end with status 0', async () => {
    expect(await outcome(musterd(['--version'], await scratchDir()))).toMatchObject({ code: 0, stderr: '' })
    const help = await outcome(musterd(['--help'], await scratchDir()))
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('--initial-cluster')
  })

  test('a mistake is one sentence on standard error, and leaves no data directory behind', async () => {
    const folder = await scratchDir()
    expect(await outcome(musterd(['--nane', 'x'], folder))).toEqual({
      code: 2,
      stdout: '',
      stderr: "musterd: unknown option '--nane' (Did you mean --name?)\nRun 'musterd --help' for the options.\n",
    })
    expect(existsSync(join(folder, 'default.etcd'))).toBe(false)
  })
})

describe('a single member', () => {
  test('prints one line when it serves, and SIGTERM ends it in order with status 0', async () => {
    const folder = await scratchDir()
    const { words, clients, peers } = await flags()
    const child = musterd([...words, '--name', 'one'], folder)
    await child.untilOutput(/^musterd is ready: .*\n/m)
    expect(child.stdout).toMatch(/^musterd is ready: member "one" \([0-9a-f]+\) of cluster [0-9a-f]+ serves .*\n$/)
    expect(child.stdout).toContain(`http://127.0.0.1:${clients}`)
    expect(child.stdout).toContain(`http://127.0.0.1:${peers}`)
    expect(existsSync(join(folder, 'one.etcd'))).toBe(true)

    const began = performance.now()
    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - began).toBeLessThan(STOP_MS_MAX)
  })

  test('a signal before it has its data ends it with status 0', async () => {
    const folder = await scratchDir()
    const child = musterd([...(await flags()).words, '--name', 'one'], folder)
    // Its folder is made at the beginning of that; what follows takes longer than a look.
    const deadlineMs = performance.now() + 30_000
    while (!existsSync(join(folder, 'one.etcd')) && performance.now() < deadlineMs) await setImmediate()
    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 0, signal: null })
  })

  test('two signals at once are one: npm passes on the Ctrl-C that the terminal has sent already', async () => {
    const child = musterd((await flags()).words, await scratchDir())
    await child.untilOutput(/ready/)
    child.kill('SIGINT')
    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 0, signal: null })
  })

  test('a warning about an obsolete flag is logged, and it serves all the same', async () => {
    const child = musterd([...(await flags()).words, '-enable-v2', '--logger', 'zap'], await scratchDir())
    await child.untilOutput(/ready/)
    child.kill('SIGTERM')
    await child.exited
    expect(child.stderr).toContain('flag --enable-v2 is ignored')
    expect(child.stderr).toContain('flag --logger is ignored')
  })
})
