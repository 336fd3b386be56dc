/**
 * `npm run build`: compiles `src/` and `bin/` to a fresh `dist/`, which is what the package and the image hold.
 *
 * Removes the old `dist/` first, so that a deleted source leaves nothing behind; makes the commands executable.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const root = join(import.meta.dirname, '..')
rmSync(join(root, 'dist'), { recursive: true, force: true })
const compiler = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (compiler.error !== undefined) process.stderr.write(`build: cannot run tsc: ${compiler.error.message}\n`)
if (compiler.status !== 0) process.exit(1)
for (const command of ['musterd.js', 'muster.js']) chmodSync(join(root, 'dist', 'bin', command), 0o755)
