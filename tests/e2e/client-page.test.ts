/** The examples of docs/client.md compile, and run in order against a fresh server. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startServer } from '../../src/entry/server.ts'
import { NODE, ROOT } from '../support/child.ts'
import { freePort } from '../support/free-port.ts'
import { writePrograms } from '../support/page-programs.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

test('every example of docs/client.md compiles and runs', { timeout: 240_000 }, async () => {
  const server = await startServer()
  onTestFinished(() => server.stop())
  const addresses = new Map([['127.0.0.1:2379', new URL(server.url).host]])
  for (const peer of ['12380', '22380', '32380']) addresses.set(`127.0.0.1:${peer}`, `127.0.0.1:${await freePort()}`)
  const folder = await scratchDir()
  const files = await writePrograms('docs/client.md', folder, addresses)
  expect(files.length).toBeGreaterThan(8)

  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        typeRoots: [join(ROOT, 'node_modules/@types')],
        rewriteRelativeImportExtensions: false,
        allowImportingTsExtensions: true,
      },
      include: ['*.ts'],
    }),
  )
  const compiler = startChild(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder])
  expect(await compiler.exited, compiler.stdout).toMatchObject({ code: 0 })

  // One process: what an example leaves open would keep it from ending.
  const runner = join(folder, 'run.mjs')
  await writeFile(runner, files.map((file) => `await import(${JSON.stringify(file)})\nconsole.log('ran')\n`).join(''))
  const running = startChild(NODE, [runner])
  expect(await running.exited, running.stdout + running.stderr).toEqual({ code: 0, signal: null })
  expect(running.stdout.match(/^ran$/gm)).toHaveLength(files.length)
})
