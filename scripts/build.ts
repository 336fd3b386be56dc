/**
 * `npm run build`: compiles `src/` and `bin/` to a fresh `dist/`, which is what the package and the image hold.
 *
 * Removes the old `dist/` first, so that a deleted source leaves nothing behind; makes the commands executable.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
rmSync(join(root, 'dist'), { recursive: true, force: true })
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
for (const command of ['musterd.js', 'muster.js']) chmodSync(join(root, 'dist', 'bin', command), 0o755)
