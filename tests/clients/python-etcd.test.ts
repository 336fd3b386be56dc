/**
 * python-etcd, as Debian has it (python3-etcd): the checks of `python_etcd.py` in every setup, and the tests that it comes with.
 */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { NODE } from '../support/child.ts'
import { MUSTERD } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'
import { outputOf } from './programs.ts'
import { noteWhenPassed, SETUPS } from './results.ts'
import { startSetup } from './setups.ts'

const PYTHON = '/usr/bin/python3'
const SCRIPT = join(import.meta.dirname, 'python_etcd.py')
const SUITE = join(import.meta.dirname, 'python_etcd_suite.py')
/** A network with nothing in it but loopback. */
const ALONE = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
const VERSION = 'import etcd, importlib.metadata; print(importlib.metadata.version("python-etcd"))'

const version = outputOf(PYTHON, ['-c', VERSION])
const mayBeAlone = outputOf(ALONE[0] ?? '', [...ALONE.slice(1), 'true']) !== undefined

// Skipped where Debian's python3-etcd is not installed.
describe.skipIf(version === undefined)('python-etcd', () => {
  test.each(SETUPS)('keys, watches, locks, election and all else: %s', async (setup) => {
    const { urls, caFile } = await startSetup(setup)
    const options = [...(caFile === undefined ? [] : ['--ca', caFile]), ...(setup === 'auth' ? ['--auth'] : [])]
    const python = startChild(PYTHON, ['-W', 'ignore', SCRIPT, ...options, ...urls])
    const { code } = await python.exited
    expect(code, python.stdout + python.stderr).toBe(0)
    expect(python.stdout.match(/^ok /gm)?.length).toBe(setup === 'auth' ? 10 : 9)
    noteWhenPassed({ client: 'python-etcd', version: version ?? '', setup })
  })

  // Skipped as well for users who may not make networks.
  test.skipIf(!mayBeAlone)('the tests that it comes with', async () => {
    const folder = await scratchDir()
    const etcd = join(folder, 'etcd')
    await writeFile(etcd, `#!/bin/sh\nexec ${NODE} ${MUSTERD} "$@"\n`)
    await chmod(etcd, 0o755)
    const [command = '', ...args] = ALONE
    const env = { PATH: `${folder}:${process.env['PATH']}`, TMPDIR: folder }
    const python = startChild(command, [...args, PYTHON, '-W', 'ignore', SUITE], { env, group: true })
    const { code } = await python.exited
    python.kill('SIGKILL')
    expect(code, python.stdout + python.stderr).toBe(0)
    expect(python.stderr).toMatch(/^Ran 14 tests in /m)
  })
})
