/**
 * node-etcd, as npm has it: the checks of `node_etcd.ts` in every setup.
 *
 * It is fetched into a folder of this test's own and is no dependency of ours: what it is built on (`request`) is no longer
 * maintained. Its native part comes ready made in the package, so nothing is built.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NODE } from '../support/child.ts'
import { makeScratchDir, startChild } from '../support/scratch.ts'
import { enableAuth, ROOT } from './auth.ts'
import { noteWhenPassed, SETUPS } from './results.ts'
import { startSetup } from './setups.ts'

const PACKAGE = 'node-etcd@7.0.0'
const SCRIPT = join(import.meta.dirname, 'node_etcd.ts')

let folder: string
let version: string

beforeAll(async () => {
  folder = await makeScratchDir()
  await writeFile(join(folder, 'package.json'), '{"name":"a-user-of-etcd","private":true}')
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline']
  const npm = spawnSync('npm', ['install', ...flags, PACKAGE], { cwd: folder, encoding: 'utf8' })
  expect(npm.status, npm.stderr).toBe(0)
  version = JSON.parse(readFileSync(join(folder, 'node_modules/node-etcd/package.json'), 'utf8')).version
}, 120_000)

afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))

test.each(SETUPS)('keys, watches, watchers and fail-over: %s', async (setup) => {
  const served = await startSetup(setup)
  if (setup === 'auth') await enableAuth(served)
  const options = [
    ...(served.caFile === undefined ? [] : ['--ca', served.caFile]),
    ...(setup === 'auth' ? ['--auth', `${ROOT.username}:${ROOT.password}`] : []),
  ]
  const node = startChild(NODE, ['--no-deprecation', SCRIPT, folder, ...options, ...served.urls])
  const { code } = await node.exited
  expect(code, node.stdout + node.stderr).toBe(0)
  noteWhenPassed({ client: 'node-etcd', version, setup })
})
