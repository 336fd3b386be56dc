/** All services of one process: their number, their succession, and being told from outside. */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Agent, type AgentOptions, INSTANCES_MAX } from '../../src/sidecar/agent.ts'
import { Control } from '../../src/sidecar/control.ts'
import { drainAt, reportsOf, resyncAll } from '../../src/sidecar/control-client.ts'
import { SILENT } from '../../src/sidecar/ports.ts'
import { ReportServer } from '../../src/sidecar/report-server.ts'
import { type ServiceOptions, settleService } from '../../src/sidecar/service.ts'
import { settleAnnouncing } from '../../src/sidecar/settings.ts'
import { StatusFile } from '../../src/sidecar/status-file.ts'
import { eventually } from '../support/eventually.ts'
import { FakeKeyStore } from '../support/fake-key-store.ts'
import { scratchDir } from '../support/scratch.ts'

function rig(options: Partial<AgentOptions> = {}) {
  const store = new FakeKeyStore()
  const agent = new Agent({ store, settings: settleAnnouncing({}), log: SILENT, shutdownMs: 1_000, ...options })
  onTestFinished(async () => {
    store.comeBack()
    await agent.close(false)
  })
  return { store, agent }
}

function service(name: string, id: string, more: Partial<ServiceOptions> = {}) {
  return settleService({ name, id, port: 80, host: '10.0.0.5', ...more }, 30)
}

async function controlled() {
  const { store, agent } = rig()
  const folder = join(await scratchDir(), 'run')
  const control = await Control.open(folder, agent, SILENT, 100)
  onTestFinished(() => control?.close())
  return { store, agent, folder, control }
}

test('what is described is announced, what changes changes in place, what is left out goes', async () => {
  const { store, agent } = rig()
  agent.replace([service('a', '1'), service('b', '2')])
  await agent.settled()
  agent.replace([service('a', '1'), service('b', '2', { port: 81 }), service('c', '3')])
  await agent.settled()
  expect(store.keys.get('/services/b/2')).toBe('10.0.0.5:81')
  store.calls.length = 0
  agent.replace([service('a', '1')])
  await eventually('the others are gone', () => store.keys.size === 2)
  expect(store.calls.some((call) => call.includes('/a/'))).toBe(false)
})

test('under one id nothing begins before its predecessor is gone', async () => {
  const { store, agent } = rig()
  agent.add(service('a', '1'))
  await agent.settled()
  store.calls.length = 0
  agent.remove('a/1')
  agent.add(service('a', '1', { tags: ['new'] }))
  await eventually('the new one', () => store.keys.get('/services/a/_meta/1')?.includes('"new"'))
  await agent.settled()
  expect(store.writes.map((call) => call.split(' ')[0])).toEqual(['remove', 'remove', 'write', 'write'])
})

test('another check of a healthy instance at the same address takes nothing away; at another address it has to pass first', async () => {
  const { store, agent } = rig()
  agent.add(service('a', '1', { check: { cmd: 'true', interval: 60 } }))
  await eventually('the address', () => store.keys.has('/services/a/1'))
  store.calls.length = 0
  // It never ends in this test, so what is known stays as it was.
  agent.add(service('a', '1', { check: { cmd: 'sleep 60', interval: 60, timeout: 60 } }))
  await agent.settled()
  expect(store.keys.get('/services/a/1')).toBe('10.0.0.5:80')
  expect(store.writes).toEqual([])
  agent.add(service('a', '1', { port: 81, check: { cmd: 'sleep 61', interval: 60, timeout: 60 } }))
  await agent.settled()
  expect(store.keys.has('/services/a/1')).toBe(false)
})

test('no more than so many instances are announced', () => {
  const { agent } = rig()
  for (let at = 0; at <= INSTANCES_MAX; at++) agent.add(service('a', `i${at}`))
  expect(agent.status).toHaveLength(INSTANCES_MAX)
  agent.add(service('a', 'i0', { tags: ['changed'] }))
  expect(agent.status[0]?.tags).toEqual(['changed'])
})

test('critical for too long is taken out whole, and comes back when it passes', async () => {
  const { store, agent } = rig()
  const folder = await scratchDir()
  const check = { cmd: `test -e ${folder}/well`, interval: 0.02, deregisterAfter: 0.1 }
  agent.add(service('a', '1', { check }))
  await eventually('its record', () => store.keys.has('/services/a/_meta/1'))
  await eventually('nothing', () => store.keys.size === 0)
  await writeFile(join(folder, 'well'), '')
  await eventually('both', () => store.keys.size === 2)
})

test('a draining instance that has recovered is not taken out for having been critical', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { store, agent } = rig()
  // It never ends by itself: what is told here counts.
  agent.add(service('a', '1', { check: { cmd: 'sleep 60', interval: 60, timeout: 60, deregisterAfter: 10 } }))
  await agent.drain('a', '1', true)
  agent.tell('a/1', { status: 'passing', output: 'well' })
  await agent.settled()
  vi.advanceTimersByTime(11_000)
  await agent.settled()
  expect(store.keys.get('/services/a/_meta/1')).toContain('"draining"')
  agent.tell('a/1', { status: 'critical', output: 'unwell' })
  vi.advanceTimersByTime(11_000)
  await agent.settled()
  expect(store.keys.size).toBe(0)
})

test('what is told of an instance whose predecessor is still closing is not lost', async () => {
  const { store, agent } = rig()
  const checked = service('a', '1', { checkedElsewhere: true })
  agent.add(checked)
  await agent.settled()
  agent.remove('a/1')
  agent.add(checked)
  agent.tell('a/1', { status: 'passing', output: 'HEALTHCHECK: healthy' })
  await eventually('the address', () => store.keys.has('/services/a/1'))
})

test('a drain survives that the instance is started anew, until it is taken back', async () => {
  const { store, agent } = rig()
  agent.add(service('a', '1'))
  await agent.drain('a', undefined, true)
  agent.remove('a/1')
  await eventually('it is gone', () => store.keys.size === 0)
  agent.add(service('a', '1'))
  await agent.settled()
  expect([...store.keys.keys()]).toEqual(['/services/a/_meta/1'])
  expect((await agent.drain('a', undefined, false)).status).toBe('passing')
  expect(store.keys.has('/services/a/1')).toBe(true)
})

test('no more drains than so many are remembered', async () => {
  const { agent } = rig()
  const forget = async (at: number): Promise<void> => {
    agent.remove(`a/${at}`)
    await eventually('it is gone', () => agent.status.length === 0)
  }
  for (let at = 0; at <= 10_000; at++) {
    agent.add(service('a', `${at}`))
    void agent.drain('a', `${at}`, true).catch(() => {})
    agent.remove(`a/${at}`)
  }
  for (const [at, status] of [
    [0, 'passing'],
    [10_000, 'draining'],
  ] as const) {
    await eventually('the old one is gone', () => {
      agent.add(service('a', `${at}`))
      return agent.status[0]?.status === status
    })
    await forget(at)
  }
})

test('where it looks first, nothing is announced before the check has looked', async () => {
  const { store, agent } = rig({ looksFirst: true })
  agent.add(service('well', '1', { check: { cmd: 'true', interval: 60 } }))
  agent.add(service('unwell', '2', { check: { cmd: 'false', interval: 60 } }))
  agent.add(service('unchecked', '3'))
  await agent.settled()
  expect(store.keys.get('/services/well/1')).toBe('10.0.0.5:80')
  expect(store.calls.filter((call) => call === 'write /services/well/_meta/1')).toHaveLength(1)
  expect(store.keys.get('/services/unwell/_meta/2')).toContain('"critical"')
  expect(store.keys.has('/services/unchecked/3')).toBe(true)
})

test('drains are told through the socket, to the one agent that has the instance', async () => {
  const { store, agent, folder } = await controlled()
  agent.replace([service('a', '1'), service('a', '2'), service('b', '3')])
  await agent.settled()
  expect(await drainAt(folder, 'b', undefined, true)).toMatchObject({ status: 200, body: { status: 'draining' } })
  expect(store.keys.has('/services/b/3')).toBe(false)
  await expect(drainAt(folder, 'a', undefined, true)).rejects.toThrow(/say which by its id: 1, 2/)
  await expect(drainAt(folder, 'c', undefined, true)).rejects.toMatchObject({ code: 'MUSTER_REGISTER_NO_AGENT' })
  await expect(drainAt(folder, 'a', '10.0.0.5:80', true)).rejects.toThrow(/several/)
  expect((await drainAt(folder, 'b', '3', false)).body['status']).toBe('passing')
  expect(store.keys.has('/services/b/3')).toBe(true)
  expect(await resyncAll(folder)).toBe(1)
})

test('a drain while the store is away is promised, and kept when it is back', async () => {
  const { store, agent, folder } = await controlled()
  agent.add(service('a', '1'))
  await agent.settled()
  store.goAway()
  expect((await drainAt(folder, 'a', '1', true)).status).toBe(202)
  const [report] = await reportsOf(folder)
  expect(report?.report.instances).toMatchObject([{ name: 'a', status: 'draining', store: 'away', error: 'away' }])
  store.comeBack()
  await eventually('no address', () => !store.keys.has('/services/a/1'))
})

test('a request that makes no sense is refused, and the agent goes on', async () => {
  const { control, folder } = await controlled()
  const status = await new Promise<number>((done, failed) => {
    const asked = request({ socketPath: control?.path, path: '//', method: 'GET' }, (answer) => {
      answer.resume()
      done(answer.statusCode ?? 0)
    })
    asked.once('error', failed).end()
  })
  expect(status).toBe(500)
  expect(await reportsOf(folder)).toHaveLength(1)
})

test('sockets of the dead are removed, and a folder that others can write to is not used', async () => {
  const { folder, control, agent } = await controlled()
  expect(await readdir(folder)).toHaveLength(1)
  await control?.close()
  expect(await readdir(folder)).toEqual([])
  await writeFile(join(folder, 'agent-1.sock'), '')
  expect(await reportsOf(folder)).toEqual([])
  const open = join(await scratchDir(), 'open')
  await mkdir(open)
  await chmod(open, 0o777)
  expect(await Control.open(open, agent, SILENT)).toBeUndefined()
})

test('the status file shows what is known while the store is away', async () => {
  const { store, agent } = rig()
  const path = join(await scratchDir(), 'status.json')
  agent.add(service('a', '1'))
  const file = new StatusFile(path, agent, SILENT)
  onTestFinished(() => file.close())
  const shown = async () => JSON.parse(await readFile(path, 'utf8')).instances
  await eventually('registered', async () => (await shown())[0].store === 'registered')
  store.goAway()
  agent.resync()
  await eventually('away', async () => (await shown())[0].store === 'away')
  expect(await shown()).toMatchObject([{ name: 'a', id: '1', status: 'passing' }])
})

test('counts are served for metrics', async () => {
  const { store, agent } = rig()
  agent.replace([service('a', '1'), service('b', '2', { checkedElsewhere: true }), service('c', '3')])
  await agent.settled()
  store.keys.set('/services/c/_meta/3', 'a later one')
  agent.resync()
  await eventually('it yields', () => agent.status[2]?.store === 'yielded')
  const reports = await ReportServer.open(':0', agent)
  onTestFinished(() => reports.close())
  const text = await (await fetch(`http://127.0.0.1:${reports.port}/metrics`)).text()
  expect(text).toContain('muster_agent_instances{status="passing"} 2\nmuster_agent_instances{status="warning"} 0\n')
  expect(text).toContain('muster_agent_instances{status="critical"} 1\n')
  expect(text).toContain('muster_agent_yielded_instances 1\n')
  expect((await fetch(`http://127.0.0.1:${reports.port}/`)).status).toBe(404)
  await expect(ReportServer.open('nonsense', agent)).rejects.toMatchObject({ code: 'MUSTER_REGISTER_BAD_SETTINGS' })
})
