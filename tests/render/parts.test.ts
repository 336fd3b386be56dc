/** The parts below the agent: pauses, patterns, names of hosts, bounds, files, whom to tell. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { engineAddress } from '../../src/render/container.ts'
import { environmentOf, variableName } from '../../src/render/environment.ts'
import { baseOf, cleanPath, globTest } from '../../src/render/functions/glob.ts'
import { reload } from '../../src/render/reload.ts'
import { parseConfdTemplate, type RenderSettings, renderText } from '../../src/render/render-text.ts'
import { Settling } from '../../src/render/settling.ts'
import { runCommand } from '../../src/render/shell.ts'
import { scratchDir } from '../support/scratch.ts'

const QUIET: RenderSettings = {
  env: {},
  nowMs: () => 0,
  resolver: { addresses: () => Promise.resolve([]), services: () => Promise.resolve([]) },
  missingIsEmpty: false,
  utc: true,
}

describe('settling', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('runs once when it has been quiet for so long', () => {
    const run = vi.fn()
    const settling = new Settling({ minMs: 20, maxMs: 1_000 }, run)
    settling.change()
    vi.advanceTimersByTime(15)
    settling.change()
    vi.advanceTimersByTime(15)
    expect([run.mock.calls.length, settling.waits]).toEqual([0, true])
    vi.advanceTimersByTime(5)
    expect([run.mock.calls.length, settling.waits]).toEqual([1, false])
  })

  test('runs at the latest after the longest wait, however it rains', () => {
    const run = vi.fn()
    const settling = new Settling({ minMs: 20, maxMs: 1_000 }, run)
    for (let ms = 0; ms <= 1_000; ms += 1) {
      settling.change()
      vi.advanceTimersByTime(1)
    }
    expect(run).toHaveBeenCalledTimes(1)
  })

  test('waits ever longer while runs follow each other, and is quick again after a rest', () => {
    const run = vi.fn()
    const settling = new Settling({ minMs: 20, maxMs: 1_000 }, run)
    // Changes with gaps that are just too long for the shortest wait: a run each would be 50 in a second.
    for (let at = 0; at < 100; at += 1) {
      settling.change()
      vi.advanceTimersByTime(21)
    }
    expect(run.mock.calls.length).toBeLessThan(8)
    vi.advanceTimersByTime(3_000)
    run.mockClear()
    settling.change()
    vi.advanceTimersByTime(20)
    expect(run).toHaveBeenCalledTimes(1)
  })

  test('runs no more once it is stopped', () => {
    const run = vi.fn()
    const settling = new Settling({ minMs: 20, maxMs: 1_000 }, run)
    settling.change()
    settling.stop()
    vi.advanceTimersByTime(5_000)
    expect(run).not.toHaveBeenCalled()
  })
})

test('what a range declares is all of it in its else, as in Go', async () => {
  const source = '{{range $i, $x := gets "/none/*"}}{{else}}{{len $i}}{{$x}}{{end}}{{range $x := seq 1 2}}{{$x}}{{end}}'
  expect(await renderText(parseConfdTemplate('t', source), new Map(), QUIET)).toBe('0[]12')
})

describe('names of hosts', () => {
  test('are asked for all at once, the template is run again, and those that depend on answers come after', async () => {
    const rounds: string[][] = []
    let round: string[] = []
    const resolver = {
      addresses: (host: string) => {
        if (round.length === 0) queueMicrotask(() => rounds.push(round.splice(0).toSorted()))
        round.push(host)
        return host === 'none'
          ? Promise.reject(new Error('no such host'))
          : Promise.resolve([`::1`, `10.0.0.${host.length}`])
      },
      services: (name: string) => {
        round.push(name)
        return Promise.resolve([
          { target: 'b.', port: 2, priority: 1, weight: 1 },
          { target: 'aa.', port: 1, priority: 1, weight: 1 },
        ])
      },
    }
    round = []
    const source =
      '{{range lookupSRV "web" "tcp" "x.org"}}{{.Target}}:{{.Port}}={{index (lookupIPV4 .Target) 0}} {{end}}{{lookupIP "abc"}} {{lookupIPV6 "abc"}} {{len (lookupIP "none")}}'
    const text = await renderText(parseConfdTemplate('t', source), new Map(), { ...QUIET, resolver })
    expect(text).toBe('aa.:1=10.0.0.3 b.:2=10.0.0.2 [10.0.0.3 ::1] [::1] 0')
  })

  test('that never end are given up', async () => {
    const resolver = { ...QUIET.resolver, addresses: (host: string) => Promise.resolve([`${host}x`]) }
    const source = '{{define "r"}}{{range lookupIP .}}{{template "r" .}}{{end}}{{end}}{{template "r" "a"}}'
    await expect(renderText(parseConfdTemplate('t', source), new Map(), { ...QUIET, resolver })).resolves.toBe('')
  })
})

describe('a template that goes on and on is ended', () => {
  const refused = async (source: string): Promise<string> => {
    try {
      await renderText(parseConfdTemplate('t', source), new Map(), QUIET)
      return 'it was rendered'
    } catch (error) {
      return (error as Error).message
    }
  }

  test.each([
    ['{{define "r"}}{{template "r"}}{{end}}{{template "r"}}', /templates call each other more than 200 deep$/],
    ['{{$s := seq 1 10000}}{{range $s}}{{range $s}}{{end}}{{end}}', /goes on for more than 10000000 steps$/],
    ['{{seq 1 100001}}', /seq of more than 100000 numbers$/],
    ['{{printf "%1000000d" 1}}{{range seq 1 70}}{{printf "%1000000d" 1}}{{end}}', /longer than 67108864 characters$/],
    ['{{if true}}'.repeat(201), /statements nest deeper than 200$/],
    [`{{${'('.repeat(201)}1${')'.repeat(201)}}}`, /parentheses nest deeper than 200$/],
  ])('%s', async (source, message) => {
    expect(await refused(source)).toMatch(message)
  })

  test('any text is parsed or refused with a line, and never anything else', async () => {
    const piece = fc.constantFrom(
      ...[
        '{{',
        '}}',
        '{{-',
        '-}}',
        '/*',
        '*/',
        '"',
        '`',
        "'",
        '\\',
        '$x',
        ':=',
        '=',
        '|',
        '(',
        ')',
        '.',
        '.A',
        ' ',
        '\n',
        ',',
      ],
      ...[
        'if',
        'else',
        'end',
        'range',
        'with',
        'define',
        'template',
        'block',
        'break',
        '1',
        '1.5e',
        '0x',
        'true',
        'nil',
        'len',
        'é',
        '\ud800',
      ],
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        expect(await refused(pieces.join(''))).toMatch(/^(it was rendered$|template: t:\d+:)/)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('patterns of keys', () => {
  test('stop at slashes, and a malformed one is refused', () => {
    const matches = (pattern: string, key: string): boolean => globTest(pattern)(key)
    expect(matches('/a/*', '/a/b')).toBe(true)
    expect(matches('/a/*', '/a/b/c')).toBe(false)
    expect(matches('/a/[b-d]?', '/a/cx')).toBe(true)
    expect(matches('/a/[^b]', '/a//')).toBe(false)
    expect(matches('/a.b', '/axb')).toBe(false)
    for (const pattern of ['[', '[]', '[a', '[-]', '[a-', 'a\\'])
      expect(() => matches(pattern, 'x'), pattern).toThrow(/pattern/)
  })

  test('with many stars end in time', () => {
    expect(globTest(`/${'*a'.repeat(20)}*b`)(`/${'a'.repeat(5_000)}`)).toBe(false)
    expect(globTest(`/${'*a'.repeat(20)}*b`)(`/${'a'.repeat(5_000)}b`)).toBe(true)
  })

  test('mean what a search of all ways to share the text among the stars says, with any character of ASCII', () => {
    type Unit = '*' | { readonly glob: string; readonly fits: (char: string) => boolean }
    const any: Unit = { glob: '?', fits: () => true }
    const literal = (char: string): Unit => ({
      glob: /[*?[\\]/.test(char) ? `\\${char}` : char,
      fits: (c) => c === char,
    })
    const escaped = (char: string): Unit => ({ glob: `\\${char}`, fits: (c) => c === char })
    const among = (char: string): Unit => ({ glob: `[a\\${char}]`, fits: (c) => 'a'.includes(c) || c === char })
    const beside = (char: string): Unit => ({ glob: `[^\\${char}]`, fits: (c) => c !== char })
    const from = (char: string): Unit => ({ glob: `[\\${char}-z]`, fits: (c) => char <= c && c <= 'z' })
    const slow = (units: readonly Unit[], text: string): boolean => {
      const [unit, ...rest] = units
      if (unit === undefined) return text === ''
      const [char, ...others] = text
      if (unit === '*') return slow(rest, text) || (char !== undefined && char !== '/' && slow(units, others.join('')))
      if (char === undefined) return false
      const isSlash = char === '/' && unit.glob !== '/' && unit.glob !== '\\/'
      return !isSlash && unit.fits(char) && slow(rest, others.join(''))
    }
    const anyChar = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code))
    const world = anyChar.chain((odd) => {
      const char = fc.constantFrom('a', 'b', '/', odd)
      const unit = fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom<Unit>('*', any) },
        { weight: 6, arbitrary: char.map(literal) },
        ...[escaped, among, beside, from].map((make) => ({ weight: 1, arbitrary: char.map(make) })),
      )
      return fc.record({ units: fc.array(unit, { maxLength: 8 }), chars: fc.array(char, { maxLength: 8 }) })
    })
    fc.assert(
      fc.property(world, ({ units, chars }) => {
        const pattern = units.map((unit) => (unit === '*' ? unit : unit.glob)).join('')
        expect(globTest(pattern)(chars.join(''))).toBe(slow(units, chars.join('')))
      }),
      { numRuns: 5_000 },
    )
  })

  test('with any single character of ASCII match the key that has it, and ranges count characters', () => {
    for (let code = 0x21; code <= 0x7e; code += 1) {
      const char = String.fromCharCode(code)
      const pattern = /[*?[\\]/.test(char) ? `\\${char}` : char
      expect(globTest(`/services/my${pattern}app/*`)(`/services/my${char}app/x`), char).toBe(true)
      expect(globTest(`/my${pattern}app`)('/my0app'), char).toBe(char === '0')
    }
    expect(globTest('[\u{ff00}-\u{1f600}]')('\u{1f5ff}')).toBe(true)
    expect(globTest('[\u{1f600}-\u{ff00}]')('\u{1f5ff}')).toBe(false)
  })

  test('paths are cleaned as Go cleans them', () => {
    expect(['', '/', '//a/./b/../c/', '../x', '/..'].map(cleanPath)).toEqual(['.', '/', '/a/c', '../x', '/'])
    expect(['', '/', '/a/b/'].map(baseOf)).toEqual(['.', '/', 'b'])
  })
})

describe('a command', () => {
  test('ends with its status and the end of its output, which is bounded', async () => {
    expect(await runCommand('echo out; echo err >&2; exit 3', 10_000)).toEqual({
      ok: false,
      how: 'ended with status 3',
      output: 'out\nerr',
    })
    const { ok, output } = await runCommand('yes | head -c 1000000; echo last', 10_000)
    expect([ok, output.length <= 16 * 1024, output.endsWith('last')]).toEqual([true, true, true])
  })

  test('is over when it is, whatever it leaves in the background', async () => {
    const { ok, output } = await runCommand('sleep 60 & echo $!', 10_000)
    expect(ok).toBe(true)
    process.kill(Number(output))
  })
})

describe('a reload', () => {
  const rule = { command: undefined, signal: undefined, pidFile: undefined, container: undefined }
  const ports = { tellChild: undefined, dockerHost: undefined }
  const { signal } = new AbortController()

  test('signals the process that a file names', async () => {
    const folder = await scratchDir()
    const child: ChildProcess = spawn('sleep', ['60'])
    onTestFinished(() => void child.kill('SIGKILL'))
    const pidFile = join(folder, 'pid')
    await writeFile(pidFile, `${child.pid}\n`)
    const ended = once(child, 'exit')
    await reload({ ...rule, pidFile, signal: 'SIGTERM' }, 1_000, ports, signal)
    expect(await ended).toEqual([null, 'SIGTERM'])
    for (const text of ['-1', '0', 'x', '']) {
      await writeFile(pidFile, text)
      await expect(reload({ ...rule, pidFile }, 1_000, ports, signal), text).rejects.toMatchObject({
        code: 'MUSTER_RENDER_RELOAD',
      })
    }
  })

  test('signals a container by the socket of the engine, and passes on what it says', async () => {
    const socket = join(await scratchDir(), 'engine.sock')
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.writeHead(asked.length === 1 ? 204 : 404).end('{"message":"No such container: gone"}')
    })
    await new Promise<void>((done) => server.listen(socket, done))
    onTestFinished(() => void server.close())
    const engine = { ...ports, dockerHost: `unix://${socket}` }
    await reload({ ...rule, container: 'my web' }, 1_000, engine, signal)
    expect(asked).toEqual(['POST /containers/my%20web/kill?signal=SIGHUP'])
    expect(['', '/run/e.sock', 'tcp://[::1]:2375', 'http://engine:80/'].map(engineAddress)).toEqual([
      { socketPath: '/var/run/docker.sock' },
      { socketPath: '/run/e.sock' },
      { host: '::1', port: 2375 },
      { host: 'engine', port: 80 },
    ])
    const far = { ...ports, dockerHost: 'ssh://far' }
    await expect(reload({ ...rule, container: 'web' }, 1_000, far, signal)).rejects.toThrow(
      'DOCKER_HOST "ssh://far" is no engine that can be asked: expected unix:///PATH or tcp://HOST:PORT',
    )
    await expect(reload({ ...rule, container: 'gone' }, 1_000, engine, signal)).rejects.toThrow(
      'cannot signal the container gone: the container engine answered 404: {"message":"No such container: gone"}',
    )
  })
})

describe('an environment', () => {
  test('has names by the rules', () => {
    const rules = { prefix: '/app', upcase: true }
    const names = ['/app/db/url', '/app/a-b.c', '/app/9x', '/app/é', '/app'].map((key) => variableName(key, rules))
    expect(names).toEqual(['DB_URL', 'A_B_C', '_9X', '_', 'APP'])
    expect(variableName('/x/y', { prefix: '/', upcase: false })).toBe('x_y')
  })

  test('gives a name that two keys share to the later one, and tells of the other', () => {
    const values = new Map([
      ['/app/a_b', '2'],
      ['/app/a/b', '1'],
    ])
    const { variables, hidden } = environmentOf(values, { prefix: '/app', upcase: true })
    expect({ variables, hidden }).toEqual({ variables: { A_B: '2' }, hidden: ['/app/a/b'] })
  })

  test.each([
    [[['/a', 'x\0y']], /zero byte/],
    [[['/a', 'x'.repeat(128 * 1024)]], /more than 131071$/],
    [Array.from({ length: 11 }, (_, at) => [`/a${at}`, 'x'.repeat(100_000)]), /more than 1048576 bytes together$/],
  ])('that no process can have is refused', (entries, message) => {
    const values = new Map(entries as [string, string][])
    expect(() => environmentOf(values, { prefix: '/', upcase: true })).toThrow(message)
  })
})
