/** The words of a command line become those that commander parses; what is wrong with them is said in etcdctl's sentences. */
import { Command } from 'commander'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addGlobalOptions, wholeNumber } from '../../bin/muster/connection.ts'
import { addKeyCommands } from '../../bin/muster/etcdctl/keys.ts'
import { addMemberCommands } from '../../bin/muster/etcdctl/members.ts'
import { addWatchCommands } from '../../bin/muster/etcdctl/watch.ts'
import { durationMs, integer, spanMs } from '../../bin/muster/go-values.ts'
import { addRenderOptions } from '../../bin/muster/render-words.ts'
import { readWords } from '../../bin/muster/words.ts'

function program(): Command {
  const made = addGlobalOptions(new Command('muster').enablePositionalOptions().version('', '-v, --version'))
  addKeyCommands(made)
  addMemberCommands(made)
  addWatchCommands(made)
  addRenderOptions(made.command('render'))
  made
    .command('export')
    .option('-o, --output <FILE>', 'where to write')
    .option('--patience <S>', 'seconds', wholeNumber(0, 9))
  return made
}

/** The words for commander, or what else comes of the line. */
function read(line: string): readonly string[] | string {
  const reading = readWords(program(), line === '' ? [] : line.split(' '))
  if (reading.kind === 'run') return reading.words
  if (reading.kind === 'help') return `help ${reading.command.name()}`
  if (reading.kind === 'unknown') return `unknown ${reading.word} in ${reading.group.name()}`
  return reading.kind === 'wrong' ? reading.problem : reading.kind
}

describe('options', () => {
  test.each([
    ['get /a', ['get', '--', '/a']],
    ['-endpoints=h:1 get /a --quorum', ['--endpoints=h:1', 'get', '--quorum', '--', '/a']],
    ['get /a -q -o json -u a:b', ['--output=json', '--username=a:b', 'get', '--quorum', '--', '/a']],
    ['--no-sync member --debug list', ['--no-sync', '--debug', 'member', 'list', '--']],
    ['--ca-file f --cacert g get', ['--ca-file=f', '--ca-file=g', 'get', '--']],
    ['set /a x --ttl 5', ['set', '--ttl=5', '--', '/a', 'x']],
    ['set /a --ttl=-5 x', ['set', '--ttl=-5', '--', '/a', 'x']],
    ['mk /q --in-order job', ['mk', '--in-order', '--', '/q', 'job']],
    ['export -o f', ['export', '--output=f', '--']],
    ['-o json export -o f', ['--output=json', 'export', '--output=f', '--']],
  ])('%s', (line, words) => {
    expect(read(line)).toEqual(words)
  })

  test('of a switch the last word counts, which may say no', () => {
    expect(read('get -q --quorum=false /a')).toEqual(['get', '--', '/a'])
    expect(read('get -q=0 -q=T /a')).toEqual(['get', '--quorum', '--', '/a'])
  })

  test.each([
    ['get -x /a', 'flag provided but not defined: -x'],
    ['ls -rp /', 'flag provided but not defined: -rp'],
    ['get --sort=maybe /a', 'invalid boolean value "maybe" for -sort: parse error'],
    ['set --ttl x /a b', 'invalid value "x" for flag -ttl: parse error'],
    ['--timeout 3 get /a', 'invalid value "3" for flag -timeout: parse error'],
    [
      'render --interval 2592000',
      'invalid value "2592000" for flag -interval: Expected a whole number from 1 to 2145600.',
    ],
    ['render --kill-timeout 720h', 'invalid value "720h" for flag -kill-timeout: expected a duration from 0 to 596h'],
    ['render --kill-timeout=-1s', 'invalid value "-1s" for flag -kill-timeout: a duration is not negative'],
    [
      'render --wait 1s:720h',
      'invalid value "1s:720h" for flag -wait: expected a duration, or two like 2s:10s, up to 596h',
    ],
    [
      'render --status-addr host',
      'invalid value "host" for flag -status-addr: "host" is no address to listen at: expected HOST:PORT',
    ],
    ['get /a --output', 'flag needs an argument: -output'],
    ['--=x', 'bad flag syntax: --=x'],
    ['export --patience 11', 'invalid value "11" for flag -patience: Expected a whole number from 0 to 9.'],
    ['export f --nosuch', 'flag provided but not defined: -nosuch'],
  ])('%s is wrong', (line, problem) => {
    expect(read(line)).toBe(problem)
  })
})

describe('arguments', () => {
  test('of a command on keys may begin with a dash behind the key, and anywhere behind --', () => {
    expect(read('set /a -5')).toEqual(['set', '--', '/a', '-5'])
    expect(read('set -- /a --ttl')).toEqual(['set', '--', '/a', '--ttl'])
    expect(read('set /a -- -o')).toEqual(['set', '--', '/a', '-o'])
    expect(read('get -')).toEqual(['get', '--', '-'])
  })

  test('keep the -- in front of a command that exec-watch runs', () => {
    expect(read('exec-watch -r /a -- sh -c x')).toEqual([
      'exec-watch',
      '--recursive',
      '--',
      '/a',
      '--',
      'sh',
      '-c',
      'x',
    ])
    expect(read('exec-watch -- /a -- sh')).toEqual(['exec-watch', '--', '/a', '--', 'sh'])
  })

  test('reach the command as they are, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string()), async (args) => {
        const made = program()
        let got: readonly string[] = []
        made.commands
          .find((command) => command.name() === 'get')
          ?.action((_words, command: Command) => {
            got = command.args
          })
        const reading = readWords(made, ['get', '--', ...args])
        if (reading.kind !== 'run') throw new Error(reading.kind)
        await made.parseAsync([...reading.words], { from: 'user' })
        expect(got).toEqual(args)
      }),
    )
  })
})

test.each([
  ['', 'help muster'],
  ['help', 'help muster'],
  ['-h', 'help muster'],
  ['h get', 'help get'],
  ['help member add', 'help add'],
  ['get --help /a', 'help get'],
  ['member', 'help member'],
  ['--version', 'version'],
  ['-v get', 'version'],
  ['nosuch', 'unknown nosuch in muster'],
  ['member nosuch', 'unknown nosuch in member'],
  ['help member nosuch', 'unknown nosuch in member'],
])('"%s" is for: %s', (line, expected) => {
  expect(read(line)).toBe(expected)
})

test('durations are read as Go reads them', () => {
  expect(['0', '2s', '1m30s', '1.5h', '300ms', '.5s', '+1s', '2us'].map(durationMs)).toEqual([
    0, 2000, 90_000, 5_400_000, 300, 500, 1000, 0.002,
  ])
  expect(durationMs('-0s')).toBe(0)
  for (const negative of ['-1s', '-1m30s', '-1ns']) expect(() => durationMs(negative)).toThrow('not negative')
  for (const wrong of ['', '3', 's', '1 s', '1s2', '-', '1d'])
    expect(() => durationMs(wrong), wrong).toThrow('parse error')
})

test('times that pass are neither negative nor longer than a timer can run', () => {
  expect(['0s', '1m', '24h'].map(spanMs)).toEqual([0, 60_000, 86_400_000])
  expect(() => spanMs('-1s')).toThrow('a duration is not negative')
  expect(() => spanMs('25h')).toThrow('expected 0s to 24h')
})

test('whole numbers are read as Go reads them', () => {
  expect(['0', '5', '-5', '+5', '0x10', '010', '0o10', '0b11', '1_000'].map(integer)).toEqual([
    0, 5, -5, 5, 16, 8, 8, 3, 1000,
  ])
  for (const wrong of ['', 'x', '1.5', '1e3', '08', '1__0', '1_', ' 1']) {
    expect(() => integer(wrong), wrong).toThrow('parse error')
  }
  expect(() => integer('99999999999999999999')).toThrow('value out of range')
})
