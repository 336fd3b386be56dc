/** The script runner keeps what it does not understand, and finds what differs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseScript, renderScript, runScript } from '../support/script.ts'

const SCRIPT = `# A comment.

first
second with words
----
out
more out

# Nothing comes out of this one.
third
----

# A blank line inside.
fourth
----
----
HTTP/1.1 200 OK

body
----
----

# The end.
`

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-script-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

function write(text: string): string {
  const path = join(folder, 'script.txt')
  writeFileSync(path, text)
  return path
}

/** Says what the script above expects. */
function answer(commands: readonly string[]): string {
  if (commands[0] === 'first') return 'out\nmore out\n'
  if (commands[0] === 'third') return ''
  return 'HTTP/1.1 200 OK\n\nbody'
}

describe('the format', () => {
  test('commands and outputs are taken apart', () => {
    const { blocks, trailing } = parseScript(SCRIPT)
    expect(blocks.map(({ commands, output, line }) => ({ commands, output, line }))).toEqual([
      { commands: ['first', 'second with words'], output: 'out\nmore out', line: 3 },
      { commands: ['third'], output: '', line: 10 },
      { commands: ['fourth'], output: 'HTTP/1.1 200 OK\n\nbody', line: 14 },
    ])
    expect(trailing).toEqual(['', '# The end.'])
  })

  test('what is taken apart and put together is the same', () => {
    const { blocks, trailing } = parseScript(SCRIPT)
    expect(renderScript(blocks, trailing)).toBe(SCRIPT)
  })

  test.each([
    ['commands\n\nmore\n----\n', 'line 2: want "----" before a blank line'],
    ['# one\ncommands\n', 'line 2: want "----" after the commands'],
    ['commands\n----\n----\nout\n', 'line 1: want a doubled "----" after the output'],
  ])('a broken file is refused: %#', (text, message) => {
    expect(() => parseScript(text)).toThrow(message)
  })
})

describe('running', () => {
  test('an unchanged output gives the same text', async () => {
    const { expected, actual } = await runScript(write(SCRIPT), answer)
    expect([expected, actual]).toEqual([SCRIPT, SCRIPT])
  })

  test('a changed output gives another text, and the file stays', async () => {
    const path = write(SCRIPT)
    const { expected, actual } = await runScript(path, (commands) =>
      commands[0] === 'third' ? 'new' : answer(commands),
    )
    expect(expected).toBe(SCRIPT)
    expect(actual).toBe(SCRIPT.replace('third\n----\n', 'third\n----\nnew\n'))
    expect(readFileSync(path, 'utf8')).toBe(SCRIPT)
  })

  test('with UPDATE_SCRIPTS=1 the file is rewritten', async () => {
    vi.stubEnv('UPDATE_SCRIPTS', '1')
    const path = write(SCRIPT)
    const { expected, actual } = await runScript(path, () => 'new')
    expect(expected).toBe(actual)
    expect(readFileSync(path, 'utf8')).toBe(actual)
  })

  test('what is thrown is an output', async () => {
    const { actual } = await runScript(write('boom\n----\n'), () => {
      throw new Error('it broke')
    })
    expect(actual).toBe('boom\n----\nerror: it broke\n')
  })
})
