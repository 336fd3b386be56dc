/** An agent that fails leaves nobody behind whom it has started. */
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { runAgent } from '../../bin/muster/agent-run.ts'
import { type Beside, startBeside } from '../../bin/muster/beside.ts'
import { settleAnnouncing } from '../../src/sidecar/settings.ts'
import { scratchDir } from '../support/scratch.ts'
import { deadPort } from '../support/tcp-proxy.ts'

async function rig() {
  vi.stubEnv('MUSTER_RUNTIME_DIR', await scratchDir())
  onTestFinished(() => void vi.unstubAllEnvs())
  const started: Beside[] = []
  const beside = (): Beside => {
    const command = startBeside(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {})
    onTestFinished(() => command.kill('SIGKILL'))
    started.push(command)
    return command
  }
  const run = async (metricsAddr: string | undefined, begin: () => Promise<void>) => {
    const words = { resync: 60, shutdownTimeout: 100, deregisterOnExit: true, logFormat: 'json' }
    return runAgent({
      words: metricsAddr === undefined ? words : { ...words, metricsAddr },
      settings: settleAnnouncing({}),
      connection: { endpoints: [`http://127.0.0.1:${await deadPort()}`] },
      feed: () => ({ begin, reload: undefined, resync: () => {}, end: async () => {}, release: async () => {} }),
      beside,
      lingerMs: 0,
    })
  }
  return { started, run }
}

test('what cannot be listened at is told before the command starts', async () => {
  const { started, run } = await rig()
  await expect(run('nonsense', async () => {})).rejects.toMatchObject({ code: 'MUSTER_REGISTER_BAD_SETTINGS' })
  const server = createServer()
  onTestFinished(() => void server.close())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await expect(run(`127.0.0.1:${port}`, async () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect(started).toEqual([])
})

test('a failure after the command has started ends it', async () => {
  const { started, run } = await rig()
  await expect(run(undefined, () => Promise.reject(new Error('it fails')))).rejects.toThrow('it fails')
  expect(started).toHaveLength(1)
  expect(await started[0]?.exited).toBe(128 + 15)
})
