/** docs/tool.md is true: its walk runs against a member, in order, and every line of it does what it says. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NODE, ROOT } from '../support/child.ts'
import { startCluster } from '../support/cluster.ts'
import { commandBlocks } from '../support/page-blocks.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

test('the walk through the tool', async () => {
  const [walk = '', ...more] = commandBlocks('docs/tool.md').map(({ commands }) => commands)
  expect(more, 'run the new block here').toEqual([])
  const folder = await scratchDir()
  await mkdir(join(folder, 'bin'))
  const path = join(folder, 'bin', 'muster')
  await writeFile(path, `#!/bin/sh\nexec ${NODE} ${join(ROOT, 'bin', 'muster.ts')} "$@"\n`)
  await chmod(path, 0o755)
  const { urls } = await startCluster({ members: 1 })
  const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, MUSTER_ENDPOINTS: urls.join() }
  const child = startChild('bash', ['-e', '-o', 'pipefail', '-c', walk], { env, group: true })
  const { code } = await child.exited
  expect([code, child.stderr]).toEqual([0, ''])
  const said = child.stdout.split('\n')
  expect(said.slice(0, 5)).toEqual([
    'blue',
    'blue',
    '/config/',
    '/config/colour',
    expect.stringMatching(/^\{"action":"get"/),
  ])
  expect(said.slice(5, 9)).toEqual(['green', 'from a pipe', '', '[set] /config/colour'])
  expect(child.stdout).toMatch(/^cluster [0-9a-f]+, leader \w+, .*healthy$/m)
})
