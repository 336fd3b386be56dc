/** Lines of the log. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createLog, prettyLine } from '../src/log.ts'
import { LogWriter } from '../src/log-writer.ts'
import { eventually } from './support/eventually.ts'
import { scratchDir } from './support/scratch.ts'

test('the pretty form shows time, level, message and fields on one line', () => {
  const json = '{"level":40,"time":0,"pid":1,"hostname":"h","remote":"8e9e","why":"not here","ids":[1],"msg":"lost it"}'
  expect(prettyLine(json, false)).toBe('1970-01-01T00:00:00.000Z warn  lost it remote=8e9e why="not here" ids=[1]\n')
})

test('the pretty form shows the stack of an error', () => {
  expect(prettyLine('{"level":50,"time":0,"err":{"stack":"Error: x\\n at y"},"msg":"m"}', false)).toContain(
    'err=Error: x\n at y',
  )
})

test.each(['pretty', 'json'] as const)('lines in the %s form are written when the log is flushed', async (format) => {
  const folder = await scratchDir()
  const descriptor = openSync(join(folder, 'log'), 'w')
  const { log, flush } = createLog({ level: 'info', format, descriptor, colours: false })
  log.debug('hidden')
  log.info({ port: 1 }, 'shown')
  log.warn('also shown')
  await flush()
  closeSync(descriptor)
  const lines = readFileSync(join(folder, 'log'), 'utf8').split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(format === 'json' ? /"port":1,"msg":"shown"/ : / info {2}shown port=1$/)
  expect(lines[1]).toContain('also shown')
})

test('a reader that does not read costs a bounded amount of memory, holds nobody up, and is told what it lost', async () => {
  const folder = await scratchDir()
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const descriptor = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  onTestFinished(() => closeSync(descriptor))
  const writer = new LogWriter(descriptor)
  const line = `${'x'.repeat(9_999)}\n`
  for (let written = 0; written < 1_000; written++) writer.write(line)
  await writer.flush()

  let text = ''
  const chunk = Buffer.alloc(65_536)
  await eventually('all that was kept', () => {
    text += chunk.toString('latin1', 0, readSync(descriptor, chunk))
    return / log lines were lost/.test(text)
  })
  const kept = text.split('\n').filter((one) => one.startsWith('x')).length
  expect(text).toContain(`\n${1_000 - kept} log lines were lost: nobody read them\n`)
  expect(kept * line.length).toBeLessThan(2 * 1024 * 1024)
})
