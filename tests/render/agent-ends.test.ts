/** What runs when the end comes or the directory is read again: it is waited for, a while, and the next one takes on what it owes. */
import { readdir, writeFile } from 'node:fs/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type RenderRig, startRenderRig } from '../support/render-rig.ts'

const LIST = '{{range gets "/s/*"}}{{.Value}};{{end}}'

function stateOf({ agent }: RenderRig, at = 0) {
  const work = agent.works[at]
  if (work === undefined) throw new Error('there is no such template')
  return work.state
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Ends with the test. */
function lookEverySoOften({ agent, over }: RenderRig): void {
  const looking = agent.every(3_600_000, over.signal)
  onTestFinished(async () => {
    over.abort()
    await looking
  })
}

test('every so often: a reload that fails after the directory was read again during a round is owed until it succeeds', async () => {
  const rig = await startRenderRig()
  await rig.client.set('/s/a', '1')
  const check = `touch ${rig.path('began')}; until test -e ${rig.path('go')}; do sleep 0.02; done`
  await rig.template('a', LIST, `keys = ["/s"]\ncheck_cmd = "${check}"`)
  await rig.template('b', LIST, `keys = ["/s"]\nreload_cmd = "test -e ${rig.path('ready')}"`)
  lookEverySoOften(rig)
  await eventually('the check', async () => (await rig.read('began')) !== undefined)
  const old = rig.agent.works
  const reread = rig.agent.reread('every', rig.over.signal)
  await writeFile(rig.path('go'), '')
  await reread
  await eventually('two failures', () => stateOf(rig, 1).failures >= 2)
  expect(
    old.map(({ state }) => state.replaced),
    'what was not begun is left to the new ones',
  ).toEqual([1, 0])
  expect(stateOf(rig, 1)).toMatchObject({ owesReload: true, replaced: 1, reloads: 0 })
  await writeFile(rig.path('ready'), '')
  await eventually('the reload', () => stateOf(rig, 1).reloads === 1)
  expect(stateOf(rig, 0)).toMatchObject({ replaced: 1, failures: 0 })
})

test('a reload that fails while the directory is read again is said once, and owed by the new directory', async () => {
  const rig = await startRenderRig()
  await rig.client.set('/s/a', '1')
  const reload = `echo x >>${rig.path('tries')}; until test -e ${rig.path('go')}; do sleep 0.02; done; test -e ${rig.path('ready')}`
  await rig.template('web', LIST, `keys = ["/s"]\nreload_cmd = "${reload}"`)
  lookEverySoOften(rig)
  await eventually('the reload', async () => (await rig.read('tries')) === 'x\n')
  const reread = rig.agent.reread('every', rig.over.signal)
  await writeFile(rig.path('go'), '')
  await reread
  expect(stateOf(rig)).toMatchObject({ owesReload: true, failures: 1, error: { code: 'MUSTER_RENDER_RELOAD' } })
  await writeFile(rig.path('ready'), '')
  await eventually('the reload', () => stateOf(rig).reloads === 1)
  const failure = 'error the last good file stays: reload_cmd ended with status 1'
  expect(rig.log.lines.filter((line) => line.startsWith('error'))).toEqual([failure])
})

test('a directory that is to be read again before it was read at all is read once', async () => {
  const rig = await startRenderRig()
  await rig.template('web', 'one', '')
  await rig.agent.reread('follow', rig.over.signal)
  expect(rig.agent.works).toEqual([])
  rig.follow()
  await eventually('the file', async () => (await rig.read('web')) === 'one')
})

describe.each(['once', 'every'] as const)('the end comes while a command runs, %s:', (mode) => {
  /** Two templates whose looking hangs in the check of the first one. */
  async function hanging(check: string) {
    const rig = await startRenderRig()
    await rig.client.set('/s/a', '1')
    await rig.template('a', LIST, `keys = ["/s"]\ncheck_cmd = "echo $$ >${rig.path('pid')}; ${check}"`)
    await rig.template('b', LIST, 'keys = ["/s"]')
    const { signal } = rig.over
    const looking = mode === 'once' ? rig.agent.once(signal) : rig.agent.every(3_600_000, signal)
    const pid = await eventually('the check', async () => Number(await rig.read('pid')) || undefined)
    return { rig, looking, pid }
  }

  test('a check that hangs is ended after ten seconds, nothing else is begun, and nothing is left or said', async () => {
    const { rig, looking, pid } = await hanging('sleep 600')
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    rig.over.abort()
    await vi.advanceTimersByTimeAsync(9_900)
    expect(isAlive(pid)).toBe(true)
    await vi.advanceTimersByTimeAsync(200)
    vi.useRealTimers()
    expect(await looking).toBe(mode === 'once' ? false : undefined)
    expect(isAlive(pid)).toBe(false)
    expect((await readdir(rig.folder)).toSorted()).toEqual(['conf.d', 'pid', 'templates'])
    expect(rig.log.lines).toEqual([])
    expect(rig.agent.works.map(({ state }) => state.failures)).toEqual([0, 0])
  })

  test('one that ends in time has its file put in place', async () => {
    const { rig, looking } = await hanging('until test -e $(dirname {{.src}})/go; do sleep 0.02; done')
    rig.over.abort()
    await writeFile(rig.path('go'), '')
    expect(await looking).toBe(mode === 'once' ? false : undefined)
    expect([await rig.read('a'), await rig.read('b')]).toEqual(['1;', undefined])
    expect(rig.log.lines).toEqual(['info replaced'])
  })
})
