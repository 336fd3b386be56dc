/** python-etcd, as Debian has it (python3-etcd): the checks of `python_etcd.py` in every setup. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startChild } from '../support/scratch.ts'
import { outputOf } from './programs.ts'
import { notePassed, SETUPS } from './results.ts'
import { startSetup } from './setups.ts'

const PYTHON = '/usr/bin/python3'
const SCRIPT = join(import.meta.dirname, 'python_etcd.py')
const VERSION = 'import etcd, importlib.metadata; print(importlib.metadata.version("python-etcd"))'

const version = outputOf(PYTHON, ['-c', VERSION])

// Skipped where Debian's python3-etcd is not installed.
describe.skipIf(version === undefined)('python-etcd', () => {
  test.each(SETUPS)('keys, watches, locks, election and all else: %s', async (setup) => {
    const { urls, caFile } = await startSetup(setup)
    const options = [...(caFile === undefined ? [] : ['--ca', caFile]), ...(setup === 'auth' ? ['--auth'] : [])]
    const python = startChild(PYTHON, ['-W', 'ignore', SCRIPT, ...options, ...urls])
    const { code } = await python.exited
    expect(code, python.stdout + python.stderr).toBe(0)
    expect(python.stdout.match(/^ok /gm)?.length).toBe(setup === 'auth' ? 10 : 9)
    notePassed({ client: 'python-etcd', version: version ?? '', setup })
  })
})
