/** Files follow the store: every change, soon, seldom under a storm, and the last good file through every failure. */
import { chmod, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { HISTORY_LIMITS_DEFAULT } from '../../src/store/options.ts'
import { eventually } from '../support/eventually.ts'
import { type RenderRig, type RenderRigOptions, startRenderRig } from '../support/render-rig.ts'

const LIST = '{{range gets "/s/*"}}{{.Value}};{{end}}'

/** Waits until the file holds this. */
function until(rig: RenderRig, name: string, text: string): Promise<boolean> {
  return eventually(`${name} to hold ${text}`, async () => (await rig.read(name)) === text)
}

/** An agent that follows a list of one element, which the file holds by now. */
async function followList(options?: RenderRigOptions, toml = ''): Promise<RenderRig> {
  const rig = await startRenderRig(options)
  await rig.client.set('/s/a', '1')
  await rig.template('web', LIST, `keys = ["/s"]\n${toml}`)
  rig.follow()
  await until(rig, 'web', '1;')
  return rig
}

function stateOf({ agent }: RenderRig, at = 0) {
  const work = agent.works[at]
  if (work === undefined) throw new Error('there is no such template')
  return work.state
}

test('a file shows what there is, then what it becomes, and the index moves with it', async () => {
  const rig = await startRenderRig()
  await rig.client.set('/s/a', '1')
  await rig.template('web', LIST, 'keys = ["/s"]')
  rig.follow()
  await until(rig, 'web', '1;')
  const { index } = await rig.client.set('/s/b', '2')
  await until(rig, 'web', '1;2;')
  await eventually('the index', () => stateOf(rig).lastIndex === index)
  const removed = await rig.client.delete('/s/a')
  await until(rig, 'web', '2;')
  await eventually('the index', () => stateOf(rig).lastIndex === removed.index)
  expect(stateOf(rig)).toMatchObject({ error: undefined, failures: 0, replaced: 3 })
})

test('keys are seen without the prefix, from several places', async () => {
  const rig = await startRenderRig()
  await rig.client.set('/prod/app/name', 'shop')
  await rig.client.set('/prod/db/url', 'db:5432')
  await rig.template('app', '{{getv "/app/name"}} {{getv "/db/url"}}', 'prefix = "prod"\nkeys = ["/app", "db/url"]')
  rig.follow()
  await until(rig, 'app', 'shop db:5432')
})

test('a file of no keys is made once, and when the directory is read again', async () => {
  const rig = await startRenderRig()
  await rig.template('web', 'one', '')
  rig.follow()
  await until(rig, 'web', 'one')
  await writeFile(rig.path('templates/web.tmpl'), 'two')
  await rig.agent.reread('follow', rig.over.signal)
  await until(rig, 'web', 'two')
  expect(rig.agent.works.map(({ resource }) => rig.agent.seenIndex(resource))).toEqual([0])
})

test('a file in sync is neither replaced nor reloaded', async () => {
  const rig = await startRenderRig()
  await rig.client.set('/s/a', '1')
  await rig.template('web', LIST, `keys = ["/s"]\nreload_cmd = "echo x >>${rig.path('reloads')}"`)
  await writeFile(rig.path('web'), '1;')
  rig.follow()
  await eventually('the first attempt', () => stateOf(rig).lastSuccessMs !== undefined)
  expect(await rig.read('reloads')).toBeUndefined()
  await rig.client.set('/s/_hidden', '1')
  await rig.client.set('/s/a', '2')
  await until(rig, 'web', '2;')
  await eventually('the reload', async () => (await rig.read('reloads')) === 'x\n')
})

test('a thousand changes in a second end in a handful of reloads, and the last state', async () => {
  const rig = await startRenderRig()
  await rig.template('web', '{{getv "/s/n"}}', `keys = ["/s"]\nreload_cmd = "echo x >>${rig.path('reloads')}"`)
  await rig.client.set('/s/n', 'first')
  rig.follow()
  await until(rig, 'web', 'first')
  const beganMs = performance.now()
  for (let n = 0; n < 1_000; n += 1) {
    rig.http.member.apply({ kind: 'set', path: '/s/n', value: String(n), dir: false, ttl: undefined, refresh: false })
    if (n % 10 === 9) await until10(beganMs + n)
  }
  await until(rig, 'web', '999')
  await eventually('the last reload', () => !stateOf(rig).owesReload)
  expect(stateOf(rig).reloads).toBeLessThanOrEqual(6)
})

/** Resolves at a moment of `performance.now()`: the changes are spread over their second. */
function until10(atMs: number): Promise<boolean> {
  return eventually('its moment', () => performance.now() >= atMs)
}

describe('the last good file stays', () => {
  test('when the template breaks, and the message names file, line and construct; a mended one counts', async () => {
    const rig = await followList()
    await writeFile(rig.path('templates/web.tmpl'), 'x\n{{range gets "/s/*"}}')
    await rig.client.set('/s/b', '2')
    await eventually('the error', () => stateOf(rig).error?.code === 'MUSTER_TEMPLATE_SYNTAX')
    expect(stateOf(rig).error?.message).toBe('template: web.tmpl:2: unexpected EOF')
    expect(rig.log.lines).toContain('error the last good file stays: template: web.tmpl:2: unexpected EOF')
    expect(await rig.read('web')).toBe('1;')
    await writeFile(rig.path('templates/web.tmpl'), `mended ${LIST}`)
    await until(rig, 'web', 'mended 1;2;')
    await eventually('the word of it', () => rig.log.lines.includes('info well again'))
  })

  test('when a key is missing, and its index does not move', async () => {
    const rig = await startRenderRig()
    await rig.client.set('/s/a', '1')
    await rig.template('web', '{{getv "/s/a"}}', 'keys = ["/s"]')
    rig.follow()
    await until(rig, 'web', '1')
    const before = await eventually('the index', () => stateOf(rig).lastIndex || undefined)
    await rig.client.delete('/s/a')
    await eventually('the error', () => stateOf(rig).error !== undefined)
    expect(stateOf(rig)).toMatchObject({ lastIndex: before, error: { code: 'MUSTER_TEMPLATE_FAILED' } })
    expect(stateOf(rig).error?.message).toContain('error calling getv: key does not exist: /s/a')
    await rig.client.delete('/s', { recursive: true })
    await eventually('another error', () => stateOf(rig).error?.code === 'MUSTER_RENDER_KEY_MISSING')
    expect(await rig.read('web')).toBe('1')
  })

  test('unless the resource says that a missing key is empty', async () => {
    const rig = await startRenderRig()
    await rig.template('web', '[{{getv "/s/a"}}]', 'keys = ["/s"]\nerror_on_missing_key = false')
    rig.follow()
    await until(rig, 'web', '[]')
  })

  test('when the check refuses it, which sees the new file; what it printed is in the message', async () => {
    const rig = await startRenderRig()
    await rig.client.set('/s/a', 'good')
    await rig.template(
      'web',
      LIST,
      `keys = ["/s"]\ncheck_cmd = "! grep bad {{.src}}"\nreload_cmd = "echo x >>${rig.path('reloads')}"`,
    )
    rig.follow()
    await until(rig, 'web', 'good;')
    await rig.client.set('/s/a', 'bad')
    await eventually('the error', () => stateOf(rig).error !== undefined)
    expect(stateOf(rig).error).toEqual({ code: 'MUSTER_RENDER_CHECK', message: 'check_cmd ended with status 1: bad;' })
    expect([await rig.read('web'), await rig.read('reloads')]).toEqual(['good;', 'x\n'])
    await rig.client.set('/s/a', 'better')
    await until(rig, 'web', 'better;')
    await eventually('no error', () => stateOf(rig).error === undefined)
  })

  test('when the check takes too long, and nothing of it is left', async () => {
    const rig = await startRenderRig()
    await rig.client.set('/s/a', '1')
    const check = `sleep 600 & echo $! >${rig.path('pid')}; wait`
    await rig.template('web', LIST, `keys = ["/s"]\ncheck_cmd = "${check}"\ncommand_timeout = "300ms"`)
    rig.follow()
    await eventually('the error', () => stateOf(rig).error !== undefined)
    expect(stateOf(rig).error?.message).toMatch(/^check_cmd took longer than 0.3 s/)
    const pid = Number(await rig.read('pid'))
    await eventually('the end of its child', () => !isAlive(pid))
    expect(await rig.read('web')).toBeUndefined()
  })

  test('when the store is away, and it says so; what happened meanwhile shows when it is back', async () => {
    const rig = await followList()
    rig.takeStoreAway()
    await eventually('the word of it', () => rig.store.state.reachable === false)
    expect(rig.log.lines).toContain('warn the store does not answer: everything stays as it was')
    await rig.client.set('/s/b', '2')
    expect(await rig.read('web')).toBe('1;')
    rig.bringStoreBack()
    await until(rig, 'web', '1;2;')
    expect(rig.store.state.reachable).toBe(true)
    expect(rig.log.lines).toContain('info the store answers again')
  })

  test('when nobody can say what the cluster has agreed on: what one server knows may be older than the file', async () => {
    const rig = await startRenderRig()
    await rig.client.set('/s/a', 'older')
    await rig.template('web', LIST, 'keys = ["/s"]')
    await writeFile(rig.path('web'), 'newer;')
    rig.http.member.refusal = 'MUSTER_NO_LEADER'
    rig.follow()
    await eventually('the word of it', () => rig.store.state.reachable === false)
    expect(await rig.read('web')).toBe('newer;')
    const newest = { kind: 'set', path: '/s/a', value: 'newest', dir: false, ttl: undefined, refresh: false } as const
    rig.http.member.apply(newest)
    rig.http.member.refusal = undefined
    await until(rig, 'web', 'newest;')
    expect(stateOf(rig).replaced).toBe(1)
  })

  test('when the history was lost meanwhile (error 401): then everything is read again', async () => {
    const rig = await followList({
      storeOptions: { history: { ...HISTORY_LIMITS_DEFAULT, eventsMax: 10, memoryEventsMax: 10 } },
    })
    rig.takeStoreAway()
    await eventually('the word of it', () => rig.store.state.reachable === false)
    await rig.client.delete('/s/a')
    await rig.client.set('/s/z', 'last')
    for (let n = 0; n < 50; n += 1) await rig.client.set('/other', String(n))
    expect(await rig.read('web')).toBe('1;')
    rig.bringStoreBack()
    await until(rig, 'web', 'last;')
    const lost = 'warn events were lost, since more happened than the store keeps: everything was read again'
    expect(rig.log.lines.filter((line) => line === lost)).toEqual([lost])
    expect(rig.agent.resyncs).toBe(1)
  })
})

test('the same trouble reads the same each time, and is said once, though the new file has another name each time', async () => {
  const rig = await startRenderRig()
  await rig.client.set('/s/a', '1')
  await rig.template('web', LIST, 'keys = ["/s"]\ncheck_cmd = "echo wrong in {{.src}}; false"')
  rig.follow()
  await eventually('a second failure', () => stateOf(rig).failures >= 2)
  const message = `check_cmd ended with status 1: wrong in ${rig.path('web')}`
  expect(rig.log.lines).toEqual([`error the last good file stays: ${message}`])
})

describe('a reload', () => {
  test('that fails is owed until one succeeds, though the file is in sync by then', async () => {
    const rig = await startRenderRig()
    await rig.client.set('/s/a', '1')
    await rig.template('web', LIST, `keys = ["/s"]\nreload_cmd = "test -e ${rig.path('ready')}"`)
    rig.follow()
    await until(rig, 'web', '1;')
    await eventually('the error', () => stateOf(rig).error?.code === 'MUSTER_RENDER_RELOAD')
    expect(stateOf(rig)).toMatchObject({ owesReload: true, reloads: 0, replaced: 1, lastIndex: 0 })
    await writeFile(rig.path('ready'), '')
    await eventually('the reload', () => stateOf(rig).reloads === 1)
    expect(stateOf(rig)).toMatchObject({ owesReload: false, replaced: 1, error: undefined })
  })

  test('of nobody does not count', async () => {
    const rig = await startRenderRig({ reloadPorts: { tellChild: async () => false } })
    await rig.client.set('/s/a', '1')
    await rig.template('web', LIST, 'keys = ["/s"]')
    expect(await rig.agent.once(rig.over.signal)).toBe(true)
    expect(stateOf(rig)).toMatchObject({ replaced: 1, reloads: 0, owesReload: false })
  })

  test('goes to the child with the signal of the resource', async () => {
    const told: (string | undefined)[] = []
    const reloadPorts = { tellChild: async (signal?: string) => told.push(signal) > 0 }
    await followList({ reloadPorts }, 'reload_signal = "usr1"')
    await eventually('the signal', () => told.length > 0)
    expect(told).toEqual(['SIGUSR1'])
  })
})

describe('the file', () => {
  test('keeps its mode, a backup is kept, and nothing is left beside it', async () => {
    const rig = await startRenderRig()
    await rig.client.set('/s/a', '1')
    await rig.template('web', LIST, 'keys = ["/s"]\nbackup = true')
    await writeFile(rig.path('web'), 'before')
    await chmod(rig.path('web'), 0o640)
    rig.follow()
    await until(rig, 'web', '1;')
    expect((await stat(rig.path('web'))).mode & 0o777).toBe(0o640)
    expect(await rig.read('web.bak')).toBe('before')
    await eventually('the end', () => !stateOf(rig).owesReload)
    expect((await readdir(rig.folder)).toSorted()).toEqual(['conf.d', 'templates', 'web', 'web.bak'])
  })

  test('is left alone with noop', async () => {
    const rig = await startRenderRig({ settings: { noop: true } })
    await rig.client.set('/s/a', '1')
    await rig.template('web', LIST, `keys = ["/s"]\nreload_cmd = "echo x >${rig.path('reloads')}"`)
    expect(await rig.agent.once(rig.over.signal)).toBe(true)
    expect((await readdir(rig.folder)).toSorted()).toEqual(['conf.d', 'templates'])
    expect(rig.log.lines).toContain('info would be replaced (noop)')
  })

  test('is neither checked nor reloaded with sync-only', async () => {
    const rig = await startRenderRig({ settings: { syncOnly: true } })
    await rig.client.set('/s/a', '1')
    await rig.template('web', LIST, `keys = ["/s"]\ncheck_cmd = "false"\nreload_cmd = "echo x >${rig.path('reloads')}"`)
    expect(await rig.agent.once(rig.over.signal)).toBe(true)
    expect([await rig.read('web'), await rig.read('reloads')]).toEqual(['1;', undefined])
  })
})

describe('the directory', () => {
  test('is read again on demand: what is new is made, what is gone is left, and a broken one changes nothing', async () => {
    const rig = await followList()
    await rig.client.set('/t/b', '2')
    await rig.template('two', '{{getv "/t/b"}}', 'keys = ["/t"]')
    await rm(rig.path('conf.d/web.toml'))
    await rig.agent.reread('follow', rig.over.signal)
    await until(rig, 'two', '2')
    expect(rig.agent.works.map(({ resource }) => resource.name)).toEqual(['two.toml'])
    await writeFile(rig.path('conf.d/bad.toml'), '[template]\nsrc = 1')
    await rig.agent.reread('follow', rig.over.signal)
    expect(rig.log.lines.at(-1)).toBe('error the directory stays as it was read before: bad.toml src is no text')
    await rig.client.set('/t/b', '3')
    await until(rig, 'two', '3')
    await rig.client.set('/s/a', 'ignored')
    expect(await rig.read('web')).toBe('1;')
  })
})

test('every so often: a directory that was read again is looked at at once', async () => {
  const rig = await startRenderRig()
  await rig.client.set('/s/a', '1')
  await rig.template('web', LIST, 'keys = ["/s"]')
  const looking = rig.agent.every(3_600_000, rig.over.signal)
  await until(rig, 'web', '1;')
  await rig.template('two', LIST, 'keys = ["/s"]')
  await rig.agent.reread('every', rig.over.signal)
  await until(rig, 'two', '1;')
  rig.over.abort()
  await looking
})

test('every so often: a failure is tried again much sooner, by the way of those that watch', async () => {
  const rig = await startRenderRig()
  await rig.client.set('/s/a', '1')
  await rig.template('web', LIST, `keys = ["/s"]\nreload_cmd = "test -e ${rig.path('ready')}"`)
  const looking = rig.agent.every(3_600_000, rig.over.signal)
  await eventually('two failures', () => stateOf(rig).failures >= 2)
  await writeFile(rig.path('ready'), '')
  await eventually('the reload', () => stateOf(rig).reloads === 1)
  rig.over.abort()
  await looking
})

describe('once', () => {
  test('is false when a file could not be made; the others are made all the same', async () => {
    const rig = await startRenderRig()
    await rig.client.set('/s/a', '1')
    await rig.template('bad', '{{getv "/s/none"}}', 'keys = ["/s"]')
    await rig.template('good', LIST, 'keys = ["/s"]')
    expect(await rig.agent.once(rig.over.signal)).toBe(false)
    expect([await rig.read('bad'), await rig.read('good')]).toEqual([undefined, '1;'])
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
