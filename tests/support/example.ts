/**
 * An example of this repository as a new user has it: a copy of its own, its README's blocks as commands, muster on the PATH.
 *
 * Owns: the copy, in which addresses and ports are free ones of this machine and the package's names lead to the sources; starting
 * blocks. Everything ends with the test. Asserts nothing.
 */
import { chmod, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Child, NODE, ROOT } from './child.ts'
import { commandBlocks, Places } from './page-blocks.ts'
import { scratchDir, startChild } from './scratch.ts'

export interface Example {
  /** Of the copy. */
  readonly folder: string
  /** Commands of the README, with this machine's addresses. */
  readonly blocks: readonly string[]
  /** The same for any other text. */
  map(text: string): Promise<string>
  /** Runs commands in the folder until the test is over. */
  start(commands: string): Child
  /** Runs commands to their end; their output. Throws when they fail. */
  run(commands: string): Promise<string>
}

/** Opens `examples/NAME`. */
export async function openExample(name: string): Promise<Example> {
  const scratch = await scratchDir()
  // Programs like nginx serve as another user.
  await chmod(scratch, 0o755)
  const copy = join(scratch, 'examples')
  await cp(join(ROOT, 'examples'), copy, { recursive: true })
  const places = new Places()
  // A port that stands alone is one of this machine.
  const map = async (text: string): Promise<string> => {
    const marked = text.replace(/--port (\d+)/g, '--port 127.0.0.1:$1')
    return (await places.map(marked)).replace(/--port 127\.0\.0\.1:/g, '--port ')
  }
  for (const entry of await readdir(copy, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const text = await readFile(path, 'utf8')
    const own = text.replace(/ from 'musterd\/client'/g, ` from '${join(ROOT, 'src/entry/client.ts')}'`)
    await writeFile(path, await map(own))
  }
  const programs = join(scratch, 'bin')
  await mkdir(programs)
  for (const program of ['musterd', 'muster']) {
    await writeFile(join(programs, program), `#!/bin/sh\nexec ${NODE} ${join(ROOT, 'bin', `${program}.ts`)} "$@"\n`)
    await chmod(join(programs, program), 0o755)
  }
  const folder = join(copy, name)
  const env = {
    PATH: `${programs}:${dirname(NODE)}:${process.env['PATH']}:/usr/sbin`,
    MUSTER_RUNTIME_DIR: join(scratch, 'run'),
  }
  const start = (commands: string): Child => {
    return startChild('bash', ['-e', '-o', 'pipefail', '-c', commands], { cwd: folder, env, group: true })
  }
  const blocks = commandBlocks(`examples/${name}/README.md`)
  return {
    folder,
    blocks: await Promise.all(blocks.map(({ commands }) => map(commands))),
    map,
    start,
    run: async (commands) => {
      const child = start(commands)
      const { code } = await child.exited
      if (code !== 0) throw new Error(`"${commands}" ended with ${code}: ${child.stderr}`)
      return child.stdout
    },
  }
}
