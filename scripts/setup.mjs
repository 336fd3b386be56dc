/**
 * Set-up of a fresh clone: installs the dependencies when they are missing or older than the lock file.
 *
 * Plain JavaScript, since the Node.js that starts npm may be too old for anything else; everything after this script runs
 * on the Node.js that `node_modules` pins. Says nothing and costs a few milliseconds when there is nothing to do.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
/** npm writes this file last, so it is as old as the whole installation. */
const installed = join(root, 'node_modules', '.package-lock.json')
const lock = join(root, 'package-lock.json')
const pinned = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

if (!isCurrent()) {
  process.stderr.write('Setting up: npm ci\n')
  // The log level is spelt out because `npm run -s` would otherwise hand its silence on and hide what went wrong.
  const options = ['--loglevel=error', '--no-audit', '--no-fund', '--include=dev', '--include=optional']
  const npm = spawnSync('npm', ['ci', ...options], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  if (npm.status !== 0) fail('npm ci failed: see the lines above')
  if (!existsSync(pinned))
    fail('the pinned Node.js was not installed: run `npm rebuild node` with install scripts allowed')
}

function isCurrent() {
  return existsSync(pinned) && existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs
}

/** @param {string} reason */
function fail(reason) {
  process.stderr.write(`set-up: ${reason}\n`)
  process.exit(1)
}
