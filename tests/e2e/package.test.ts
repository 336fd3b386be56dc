/** The package, as npm packs it, is what programs import: the server, the client, and their types. */
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Child, NODE, ROOT } from '../support/child.ts'
import { makeScratchDir } from '../support/scratch.ts'

const TSC = join(ROOT, 'node_modules/.bin/tsc')

interface PackageJson {
  readonly files: readonly string[]
  readonly dependencies: Readonly<Record<string, string>>
}

/** A program's folder in which the package is installed; its dependencies are those of this repository. */
let project = ''

beforeAll(async () => {
  project = await makeScratchDir()
  const { files, dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as PackageJson
  const source = join(project, 'source')
  for (const file of ['package.json', ...files.filter((name) => name !== 'dist')]) {
    await cp(join(ROOT, file), join(source, file), { recursive: true })
  }
  await run(ROOT, TSC, '-p', 'tsconfig.build.json', '--outDir', join(source, 'dist'))
  const packed = await run(
    source,
    'npm',
    'pack',
    '--ignore-scripts',
    '--offline',
    '--json',
    '--pack-destination',
    project,
  )
  const [{ filename = '' } = {}] = JSON.parse(packed) as { readonly filename?: string }[]
  const installed = join(project, 'node_modules', 'musterd')
  await mkdir(installed, { recursive: true })
  await run(project, 'tar', '-xzf', filename, '-C', installed, '--strip-components=1')
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const link = join(project, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(ROOT, 'node_modules', name), link)
  }
  await writeFile(join(project, 'package.json'), '{ "name": "program", "private": true, "type": "module" }')
}, 240_000)

afterAll(() => rm(project, { recursive: true, force: true }))

/** Runs a command to its end; its output. */
async function run(cwd: string, command: string, ...args: readonly string[]): Promise<string> {
  const child = new Child(command, args, { cwd })
  const { code } = await child.exited
  expect({ code, output: code === 0 ? '' : child.stdout + child.stderr }).toEqual({ code: 0, output: '' })
  return child.stdout
}

test('a program starts a server, uses it and ends by itself when it has stopped it', async () => {
  await writeFile(
    join(project, 'serve.js'),
    `import { startServer } from 'musterd'
     import { MusterClient } from 'musterd/client'
     const server = await startServer()
     const client = new MusterClient({ endpoints: server.clientUrls })
     const lock = await client.lock('/job')
     await client.set('/done', 'by ' + (lock.fence > 0))
     console.log((await server.client().get('/done')).value)
     await lock.unlock()
     await client.close()
     await server.stop()`,
  )
  expect(await run(project, NODE, 'serve.js')).toBe('by true\n')
})

test('a program of CommonJS may require both', async () => {
  await writeFile(
    join(project, 'serve.cjs'),
    `const { startServer } = require('musterd')
     const { MusterClient } = require('musterd/client')
     console.log(typeof startServer, typeof MusterClient, require('musterd/package.json').name)`,
  )
  expect(await run(project, NODE, 'serve.cjs')).toBe('function function musterd\n')
})

test('the client loads nothing of the server, and of packages only undici', async () => {
  await writeFile(
    join(project, 'light.js'),
    `import { registerHooks } from 'node:module'
     const loaded = new Set()
     registerHooks({ load: (url, context, next) => (loaded.add(url), next(url, context)) })
     await import('musterd/client')
     for (const url of loaded) console.log(url)`,
  )
  const loaded = (await run(project, NODE, 'light.js')).split('\n').filter((url) => url.startsWith('file:'))
  const packages = loaded.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? [])
  expect([...new Set(packages)].sort()).toEqual(['musterd', 'undici'])
  const folders = loaded.flatMap((url) => /\/musterd\/dist\/src\/([^/]+)/.exec(url)?.[1] ?? [])
  expect(folders.filter((name) => !['api.js', 'client', 'entry', 'sidecar'].includes(name))).toEqual([])
})

test('types come along: a right program compiles, a wrong one does not', async () => {
  const options = [
    '--strict',
    '--noEmit',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--lib',
    'es2024',
    '--types',
    'node',
  ]
  await writeFile(
    join(project, 'right.ts'),
    `import { type EmbeddedServer, startServer } from 'musterd'
     import { ClientError, jsonCodec, type Lock, MusterClient } from 'musterd/client'
     const server: EmbeddedServer = await startServer({ heartbeatIntervalMs: 50, electionTimeoutMs: 500 })
     const client = new MusterClient({ endpoints: server.clientUrls, retry: { attemptsMax: 3 } })
     const lock: Lock = await client.lock('/job', { signal: AbortSignal.timeout(1_000) })
     const fence: number = lock.fence
     const found = await client.get('/a', { codec: jsonCodec<{ readonly port: number }>() })
     const port: number | undefined = found.value?.port
     for await (const standing of client.election('/e').campaign('me')) {
       if (standing.state === 'leader') console.log(standing.fence + fence, port)
     }
     if (Math.random() > 2) throw new ClientError('MUSTER_CLIENT_BUSY', 'x', { definite: true, retriable: true })`,
  )
  await run(project, TSC, ...options, 'right.ts')
  await writeFile(
    join(project, 'wrong.ts'),
    `import { startServer } from 'musterd'
     await startServer({ electionTimeoutMs: 'soon' })
     await startServer({ colour: 'red' })`,
  )
  const wrong = new Child(TSC, [...options, 'wrong.ts'], { cwd: project })
  await wrong.exited
  expect(wrong.stdout.match(/^wrong\.ts\(\d/gm)).toHaveLength(2)
})
