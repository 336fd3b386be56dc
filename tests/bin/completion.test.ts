/** Completion scripts are made from the commands themselves, and are what their shells take. */
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NODE, ROOT } from '../support/child.ts'
import { scratchDir } from '../support/scratch.ts'

const MUSTER = `${ROOT}/bin/muster.ts`

function muster(...words: readonly string[]): string {
  const env = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: `${ROOT}/node_modules/.cache/compile` }
  return execFileSync(NODE, [MUSTER, ...words], { encoding: 'utf8', env })
}

async function scriptOf(shell: string): Promise<string> {
  const file = join(await scratchDir(), shell)
  await writeFile(file, muster('completion', shell))
  return file
}

function isThere(shell: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', shell]).status === 0
}

/** What bash offers behind these words; the last one is begun. */
function offeredBy(script: string, words: readonly string[]): readonly string[] {
  const run = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _muster_complete; printf '%s\\n' "\${COMPREPLY[@]}"`
  const said = execFileSync('bash', ['-c', run, 'bash', script, 'muster', ...words], { encoding: 'utf8' })
  return said.split('\n').filter((word) => word !== '')
}

test('bash takes its script, and offers commands, their options, and values', async () => {
  const script = await scriptOf('bash')
  execFileSync('bash', ['-n', script])
  expect(offeredBy(script, [''])).toEqual(expect.arrayContaining(['get', 'status', 'member', 'import', '--endpoints']))
  expect(offeredBy(script, ['mem'])).toEqual(['member'])
  expect(offeredBy(script, ['member', 'u'])).toEqual(['update'])
  expect(offeredBy(script, ['--endpoints', 'get', 'role', 'gr'])).toEqual(['grant'])
  expect(offeredBy(script, ['get', '--q'])).toEqual(['--quorum'])
  expect(offeredBy(script, ['-o', ''])).toEqual(['simple', 'extended', 'json'])
  expect(offeredBy(script, ['get', '-o', ''])).toEqual(['simple', 'extended', 'json'])
  expect(offeredBy(script, ['discover', '-o', ''])).toEqual(['table', 'json', 'env'])
  expect(offeredBy(script, ['export', '-o', script.slice(0, -1)])).toContain(script)
  expect(offeredBy(script, ['--ca-file', script.slice(0, -1)])).toContain(script)
  expect(offeredBy(script, ['exec-watch', '/a', '--', 'ls', '-'])).toEqual([])
})

test('every command that is offered is one, so the table of commands names them all', async () => {
  const offered = offeredBy(await scriptOf('bash'), ['']).filter((word) => !word.startsWith('-'))
  const listed = [...muster('--help').matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name]) => name)
  expect(listed.filter((name) => name !== 'help').sort()).toEqual([...offered].sort())
  const source = execFileSync('sed', ['-n', '/^const FILES/,/^]/p', MUSTER], { encoding: 'utf8' })
  const inTable = [...source.matchAll(/commands: \[([^\]]*)\]/g)].flatMap(([, names = '']) =>
    [...names.matchAll(/'([\w-]+)'/g)].map(([, name]) => name),
  )
  expect([...inTable].sort()).toEqual([...offered].sort())
})

// Skipped where zsh is not installed.
test.skipIf(!isThere('zsh'))('zsh takes its script', async () => {
  execFileSync('zsh', ['-n', await scriptOf('zsh')])
})

// Skipped where fish is not installed.
test.skipIf(!isThere('fish'))('fish takes its script', async () => {
  execFileSync('fish', ['--no-execute', await scriptOf('fish')])
})

test('zsh and fish get the same commands as bash', async () => {
  const offered = offeredBy(await scriptOf('bash'), ['']).filter((word) => !word.startsWith('-'))
  const zsh = muster('completion', 'zsh')
  const fish = muster('completion', 'fish')
  for (const name of offered) {
    expect(zsh).toContain(`'${name}:`)
    expect(fish).toMatch(new RegExp(`-a ${name} -d`))
  }
})

test('the script may be for another name, and for no other shell', () => {
  expect(muster('completion', 'bash', 'etcdctl')).toMatch(/^complete -o default -F _etcdctl_complete etcdctl$/m)
  expect(() => muster('completion', 'tcsh')).toThrow(/choices are bash, zsh, fish/)
})
