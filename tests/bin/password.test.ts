/** A password is asked for where its answer is no output, and Ctrl-C or a signal at the prompt ends the command and nothing else. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { NODE, ROOT } from '../support/child.ts'
import { scratchDir, startChild } from '../support/scratch.ts'
import { hasTerminals, Terminal } from '../support/terminal.ts'
import { startWithUsersOn } from '../support/users-on.ts'

const MUSTER = join(ROOT, 'bin', 'muster.ts')

/** A server, keys in it, and a folder for output. */
async function rig() {
  const { url, as } = await startWithUsersOn(['/services*'])
  const root = as('root:r')
  await root.set('/services/web/a', '10.0.0.5:80')
  const folder = await scratchDir()
  const shell = (words: string): Terminal =>
    new Terminal(words, { MUSTER_ENDPOINTS: url, M: `${NODE} ${MUSTER}`, OUT: folder })
  return { folder, shell, url }
}

describe.skipIf(!hasTerminals())('on a terminal', () => {
  test.each([
    { words: '-u root export', first: /^\{.*\}$/ },
    { words: '-u root status --json', first: /^\{"healthy":true,/ },
    { words: '-u al discover web -o env', first: /^WEB_COUNT=1$/ },
  ])('the output of $words begins with no prompt', async ({ words, first }) => {
    const { folder, shell } = await rig()
    const terminal = shell(`$M ${words} >$OUT/said`)
    await terminal.untilShown(/Password: /)
    terminal.type(words.includes('al') ? 'a\r' : 'r\r')
    expect(await terminal.exited).toBe(0)
    const said = await readFile(join(folder, 'said'), 'utf8')
    expect(said.split('\n')[0]).toMatch(first)
    expect(terminal.shown).toMatch(/^Password: /)
  })

  test.each([
    'lock a -- true',
    'elect a b',
    'discover web',
    'env /services -- true',
    'export -o $OUT/all',
    'import --from http://127.0.0.1:1',
    'get /a',
    'status',
  ])('Ctrl-C at the prompt of %s ends it with 130, and the terminal shows again what is typed', async (words) => {
    const { shell } = await rig()
    const terminal = shell(`$M -u root ${words}; echo status $?; stty -a; ls $OUT`)
    await terminal.untilShown(/Password: /)
    terminal.type('se\x03')
    await terminal.untilShown(/status 130\r\n/)
    await terminal.exited
    expect(terminal.shown).toMatch(/ echo /)
    expect(terminal.shown).toMatch(/ icanon /)
    expect(terminal.shown).not.toContain('all')
  })

  test('TERM at the prompt ends it with 143', async () => {
    const { shell } = await rig()
    const terminal = shell('echo pid $$; exec $M -u root lock a -- true')
    const [, pid] = await terminal.untilShown(/pid (\d+)/)
    await terminal.untilShown(/Password: /)
    process.kill(Number(pid), 'SIGTERM')
    expect(await terminal.exited).toBe(143)
  })
})

test('a password that comes down a pipe leaves no prompt in the output', async () => {
  const { url } = await rig()
  const line = `echo a | ${NODE} ${MUSTER} -u al discover web -o env`
  const child = startChild('sh', ['-c', line], { env: { MUSTER_ENDPOINTS: url } })
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect(child.stdout).toMatch(/^WEB_COUNT=1\n/)
})
