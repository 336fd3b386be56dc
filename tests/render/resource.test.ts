/** Template resources, settings, durations: confd's words and ours, and a sentence for each that makes no sense. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDuration, parseWait } from '../../src/render/duration.ts'
import { parseResource, parseSignal, readResources } from '../../src/render/resource.ts'
import { readConfdSettings } from '../../src/render/settings-file.ts'
import { scratchDir } from '../support/scratch.ts'

const DEFAULTS = { directory: '/etc/confd', prefix: '', wait: undefined, hasCommand: false }

function parse(toml: string, defaults = DEFAULTS) {
  return parseResource('web.toml', `[template]\n${toml}`, defaults)
}

const LEAST = 'src = "web.tmpl"\ndest = "/tmp/web"\nkeys = ["/web"]'

describe('a resource', () => {
  test('of confd is taken as it is', () => {
    const toml = `
src = "nginx.conf.tmpl"
dest = "/etc/nginx/nginx.conf"
prefix = "/production"
uid = 0
gid = -1
mode = "0644"
keys = [ "/nginx", "services/web/" ]
check_cmd = "/usr/sbin/nginx -t -c {{.src}}"
reload_cmd = "/usr/sbin/service nginx restart"`
    expect(parse(toml)).toEqual({
      name: 'web.toml',
      src: '/etc/confd/templates/nginx.conf.tmpl',
      dest: '/etc/nginx/nginx.conf',
      keys: ['/production/nginx', '/production/services/web'],
      prefix: '/production',
      mode: 0o644,
      uid: 0,
      gid: undefined,
      checkCommand: '/usr/sbin/nginx -t -c {{.src}}',
      reload: {
        command: '/usr/sbin/service nginx restart',
        signal: undefined,
        pidFile: undefined,
        container: undefined,
      },
      wait: { minMs: 20, maxMs: 1_000 },
      backup: false,
      errorOnMissingKey: true,
      commandMs: 60_000,
    })
  })

  test('has our fields too', () => {
    const toml = `${LEAST}
owner = "root"
group = "root"
wait = "2s:10s"
reload_signal = "hup"
reload_pid_file = "/run/web.pid"
reload_container = "web"
backup = true
error_on_missing_key = false
command_timeout = "5s"`
    expect(parse(toml)).toMatchObject({
      uid: 0,
      gid: 0,
      wait: { minMs: 2_000, maxMs: 10_000 },
      reload: { signal: 'SIGHUP', pidFile: '/run/web.pid', container: 'web' },
      backup: true,
      errorOnMissingKey: false,
      commandMs: 5_000,
    })
  })

  test('has a signal without a name where there is a command', () => {
    const resource = parse(`${LEAST}\nreload_signal = "usr1"`, { ...DEFAULTS, hasCommand: true })
    expect(resource.reload.signal).toBe('SIGUSR1')
  })

  test('has the prefix of the command line instead of its own', () => {
    const resource = parse(`${LEAST}\nprefix = "/own"`, { ...DEFAULTS, prefix: 'given' })
    expect(resource).toMatchObject({ keys: ['/given/web'], prefix: '/given' })
  })

  test.each([
    ['src = ""\ndest = "/x"\nkeys = ["/a"]', 'web.toml has no src'],
    ['src = "a"\nkeys = ["/a"]', 'web.toml has no dest'],
    [`src = "a"\ndest = "b"\nkeys = [${'"c",'.repeat(101)}]`, 'web.toml keys are 101: expected 100 at most'],
    ['src = "a"\ndest = "b"\nkeys = "c"', 'web.toml keys is no list of texts'],
    [`${LEAST}\nmode = "rw"`, 'web.toml mode "rw" is no octal number like 0644'],
    [`${LEAST}\nowner = "no such user"`, 'web.toml owner "no such user" is unknown on this machine'],
    [`${LEAST}\nreload_signal = "BOO"`, 'web.toml reload_signal "BOO" is no signal'],
    [`${LEAST}\nwait = "10s:2s"`, 'web.toml wait "10s:2s" is not like "2s:10s", up to 596h'],
    [`${LEAST}\nwait = "1s:720h"`, 'web.toml wait "1s:720h" is not like "2s:10s", up to 596h'],
    [`${LEAST}\ncommand_timeout = "720h"`, 'web.toml command_timeout "720h" is no duration like "30s", up to 596h'],
    [`${LEAST}\ncommand_timeout = "-1s"`, 'web.toml command_timeout "-1s" is no duration like "30s", up to 596h'],
    [`${LEAST}\ncommand_timeout = "soon"`, 'web.toml command_timeout "soon" is no duration like "30s", up to 596h'],
    [
      `${LEAST}\nreload_signal = "hup"\nreload_cmd = "true"`,
      'web.toml reload_signal SIGHUP is for nobody: expected reload_pid_file, reload_container or a COMMAND behind --',
    ],
    [`${LEAST}\nrelaod_cmd = "x"`, 'web.toml does not know relaod_cmd'],
  ])('that makes no sense is refused: %s', (toml, message) => {
    expect(() => parse(toml)).toThrow(expect.objectContaining({ code: 'MUSTER_RENDER_CONFIG', message }))
  })

  test('of a directory is found below it too, in the order of names; one that is broken is named', async () => {
    const directory = await scratchDir()
    await mkdir(join(directory, 'conf.d/sub'), { recursive: true })
    for (const name of ['b.toml', 'a.toml', 'sub/c.toml']) {
      await writeFile(join(directory, 'conf.d', name), `[template]\n${LEAST}`)
    }
    await writeFile(join(directory, 'conf.d/README'), 'nothing')
    const defaults = { ...DEFAULTS, directory }
    expect(readResources(defaults).map(({ name }) => name)).toEqual(['a.toml', 'b.toml', 'sub/c.toml'])
    for (let at = 0; at < 101; at += 1) {
      const keys = Array.from({ length: 100 }, (_, n) => `/${at === 100 ? n : at}/${n}`)
      const toml = `[template]\nsrc = "a"\ndest = "b"\nkeys = ${JSON.stringify(keys)}`
      await writeFile(join(directory, `conf.d/many${at}.toml`), toml)
    }
    expect(() => readResources(defaults)).toThrow(
      'conf.d follows 10001 keys, more than 10000: name directories above them',
    )
    await writeFile(join(directory, 'conf.d/b.toml'), '[template\n')
    expect(() => readResources(defaults)).toThrow(/^.*conf\.d\/b\.toml: Invalid TOML/)
    expect(() => readResources({ ...defaults, directory: join(directory, 'none') })).toThrow(
      /^cannot read .*conf\.d: ENOENT/,
    )
  })
})

describe("confd's settings", () => {
  test('are read; variables come before the file, and what means nothing is told', async () => {
    const file = join(await scratchDir(), 'confd.toml')
    await writeFile(
      file,
      'backend = "etcd"\ninterval = 60\nnodes = ["http://a:2379"]\nprefix = "/p"\nwatch = true\nclient_cert = "f"\ntable = "t"',
    )
    expect(readConfdSettings(file, { CONFD_CLIENT_CERT: 'v', CONFD_CLIENT_KEY: 'k' })).toMatchObject({
      backend: 'etcd',
      interval: 60,
      nodes: ['http://a:2379'],
      prefix: '/p',
      watch: true,
      clientCert: 'v',
      clientKey: 'k',
      unknown: ['table'],
    })
  })

  test('say nothing when there is no file, and a wrong type is named', async () => {
    const folder = await scratchDir()
    expect(readConfdSettings(join(folder, 'none'), {})).toMatchObject({ nodes: [], backend: undefined })
    for (const seconds of ['0', '-1', '1.5', '2592000', 'nan']) {
      await writeFile(join(folder, 'confd.toml'), `interval = ${seconds}`)
      expect(() => readConfdSettings(join(folder, 'confd.toml'), {}), seconds).toThrow(
        /interval is .*: expected a whole number of seconds from 1 to 2145600$/,
      )
    }
    await writeFile(join(folder, 'confd.toml'), 'interval = "60"')
    expect(() => readConfdSettings(join(folder, 'confd.toml'), {})).toThrow(/interval is no number$/)
  })
})

test('durations, pauses and signals are read as Go and shells write them', () => {
  expect(['500ms', '2s', '1m30s', '1.5s', '0', 'x', '5'].map(parseDuration)).toEqual([
    ...[500, 2_000, 90_000, 1_500, 0, undefined, undefined],
  ])
  expect(['596h', '596h1ms', '720h', '-1s'].map(parseDuration)).toEqual([596 * 3_600_000, ...Array(3).fill(undefined)])
  expect(parseWait('5s')).toEqual({ minMs: 5_000, maxMs: 20_000 })
  expect(parseWait('500h')).toEqual({ minMs: 500 * 3_600_000, maxMs: 596 * 3_600_000 })
  expect(parseWait('5s:2s')).toBeUndefined()
  expect(['hup', 'SIGUSR1', 'TERM', 'x'].map(parseSignal)).toEqual(['SIGHUP', 'SIGUSR1', 'SIGTERM', undefined])
})
