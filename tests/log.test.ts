/** Lines of the log. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLog, prettyLine } from '../src/log.ts'

test('the pretty form shows time, level, message and fields on one line', () => {
  const json = '{"level":40,"time":0,"pid":1,"hostname":"h","remote":"8e9e","why":"not here","ids":[1],"msg":"lost it"}'
  expect(prettyLine(json, false)).toBe('1970-01-01T00:00:00.000Z warn  lost it remote=8e9e why="not here" ids=[1]\n')
})

test('the pretty form shows the stack of an error', () => {
  expect(prettyLine('{"level":50,"time":0,"err":{"stack":"Error: x\\n at y"},"msg":"m"}', false)).toContain(
    'err=Error: x\n at y',
  )
})

test.each(['pretty', 'json'] as const)('lines in the %s form are written when the log is flushed', (format) => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-log-'))
  try {
    const descriptor = openSync(join(folder, 'log'), 'w')
    const { log, flush } = createLog({ level: 'info', format, descriptor, colours: false })
    log.debug('hidden')
    log.info({ port: 1 }, 'shown')
    flush()
    closeSync(descriptor)
    const text = readFileSync(join(folder, 'log'), 'utf8')
    expect(text.split('\n')).toHaveLength(2)
    expect(text).toMatch(format === 'json' ? /"port":1,"msg":"shown"/ : / info {2}shown port=1\n$/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
