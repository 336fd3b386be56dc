/**
 * `muster import` and `muster export` with real servers: an etcd 3.4 that is left while it is written to, and all that may go wrong.
 *
 * Trees are compared with plain recursive GETs, by nothing that the commands use. `IMPORT_KEYS` sets the size of the
 * large one: 100,000 in CI.
 */
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { NODE } from '../support/child.ts'
import { curl } from '../support/curl.ts'
import { isEtcdInstalled } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { scratchDir, startChild } from '../support/scratch.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { ended, MUSTER, muster, put, resultOf, startMember, startSource } from '../support/transfer-command.ts'
import { Churn, differences, fill, readTree } from '../support/trees.ts'

const KEYS = Number(process.env['IMPORT_KEYS'] ?? 10_000)
/** A million take an hour at worst. Milliseconds. */
const IMPORT_MS_MAX = 600_000 * Math.max(1, KEYS / 150_000)
/** Resident memory of the command, also with a million keys. Most of it is what V8 has not collected yet. */
const RSS_BYTES_MAX = 512e6

/** The whole visible tree, and these hidden places. */
async function expectEqualTrees(source: string, target: string, hidden: readonly string[] = []): Promise<void> {
  const places = ['/', ...hidden]
  expect(differences(await readTree(source, places), await readTree(target, places))).toEqual([])
}

describe.skipIf(!isEtcdInstalled())('leaving an etcd 3.4 (skipped where it is not installed)', () => {
  test(`${KEYS} keys are imported while they are written to, and the trees end equal`, {
    timeout: IMPORT_MS_MAX,
  }, async () => {
    const { url } = await startSource()
    const member = await startMember()
    await fill(url, KEYS)
    const churn = new Churn(url, 20)
    onTestFinished(() => churn.stop())
    const child = muster('import', '--from', url, '--to', member.url, '--cut-over', '--json')
    const mostResidentBytes = child.watchResidentBytes()
    await child.untilOutput(/"phase":"following"/, IMPORT_MS_MAX)
    const before = churn.changes
    await eventually('changes while it follows', () => churn.changes > before + 500)
    await churn.stop()
    const { code } = await ended(child)
    const result = resultOf(child)
    const residentBytes = mostResidentBytes()
    expect({ code, ...result }).toMatchObject({ code: 0, equal: true, extras: 0, refused: [], differences: [] })
    expect(result.sourceNodes).toBeGreaterThan(KEYS)
    expect(residentBytes).toBeGreaterThan(0)
    expect(residentBytes).toBeLessThan(RSS_BYTES_MAX)
    console.log(`import of ${KEYS} keys: at most ${Math.round(residentBytes / 1e6)} MB resident`)
    await expectEqualTrees(
      url,
      member.url,
      [0, 1, 2, 3].map((writer) => `/churn/w${writer}/_hidden`),
    )
  })

  test('what the API can hold arrives: directories, times to live, hidden keys, all characters, large values', async () => {
    const { url } = await startSource()
    const member = await startMember()
    await put(url, '/empty', 'dir=true')
    await put(url, '/brief', 'dir=true', 'ttl=500')
    await put(url, '/brief/inside/key', 'value=x', 'ttl=400')
    await put(url, '/%C3%BC%20%25%2B%3F%26%22', 'value=%00%01<%26"\\%E2%98%83%F0%9F%98%80')
    await put(url, '/blank', 'value=')
    await put(url, '/_named/a', 'value=1')
    await put(url, '/_etcd/registry', 'value=2')
    const folder = await scratchDir()
    await writeFile(join(folder, 'large'), `value=${'x'.repeat(3_000_000)}`)
    await curl('-X', 'PUT', `${url}/v2/keys/large`, '-d', `@${join(folder, 'large')}`, '-o', '/dev/null')
    const tooDeep = '/k'.repeat(257)
    await put(url, tooDeep, 'value=refused')
    // The history forgets the hidden keys, so that only being named or well known can help.
    await fill(url, 1_100)
    const child = muster('import', '--from', url, '--to', member.url, '--hidden', '/_named', '--once', '--json')
    const { code } = await ended(child)
    const result = resultOf(child)
    expect(code).toBe(4)
    expect(result.refused).toEqual([{ path: tooDeep, reason: expect.stringContaining('keySegmentsMax reached') }])
    expect(result.differences).toEqual([{ path: tooDeep, kind: 'missing' }])
    await curl('-X', 'DELETE', `${url}/v2/keys${tooDeep}`)
    await expectEqualTrees(url, member.url, ['/_named', '/_etcd'])
    const shown = JSON.parse(await curl(`${member.url}/v2/keys/brief?recursive=true`))
    expect(shown.node.ttl).toBeGreaterThan(440)
    expect(shown.node.nodes[0].nodes[0].ttl).toBeGreaterThan(340)
  })

  test('a key that is kept alive by silent refreshes stays alive at the target, and dies when nobody refreshes it', async () => {
    const { url } = await startSource()
    const member = await startMember()
    await put(url, '/alive', 'value=a', 'ttl=3')
    await put(url, '/left', 'value=b', 'ttl=3')
    const child = muster('import', '--from', url, '--to', member.url, '--json')
    await child.untilOutput(/"phase":"following"/)
    const fromMs = performance.now()
    await eventually('a refresh beyond three times its life', async () => {
      await put(url, '/alive', 'refresh=true', 'prevExist=true', 'ttl=3')
      expect((await readTree(member.url)).get('/alive')).toBe('=a+ttl')
      return performance.now() - fromMs > 9_000
    })
    expect((await readTree(member.url)).has('/left')).toBe(false)
    child.kill('SIGINT')
    expect((await ended(child)).code).toBe(0)
  })

  test('it follows until SIGUSR1, ends once the source is quiet, and says so', async () => {
    const { url } = await startSource()
    const member = await startMember()
    await put(url, '/a', 'value=1')
    const child = muster('import', '--from', url, '--to', member.url, '--quiet-for', '1')
    await child.untilOutput(/^following/m)
    await put(url, '/b/c', 'value=2')
    await eventually('the change at the target', async () => (await readTree(member.url)).get('/b/c') === '=2')
    await curl('-X', 'DELETE', `${url}/v2/keys/b?recursive=true`)
    await eventually('the removal at the target', async () => !(await readTree(member.url)).has('/b'))
    child.kill('SIGUSR1')
    const { code, stdout } = await ended(child)
    expect({ code, last: stdout.trim().split('\n').at(-1) }).toEqual({ code: 0, last: 'equal' })
    await expectEqualTrees(url, member.url)
  })

  test('interrupted in the middle and run again it comes to the same end, with what was removed meanwhile', async () => {
    const { url } = await startSource()
    const member = await startMember()
    await fill(url, 6_000)
    const first = muster('import', '--from', url, '--to', member.url, '--once', '--concurrency', '4', '--json')
    await eventually('a part of the keys', async () => (await readTree(member.url)).size > 500)
    first.kill('SIGINT')
    const interrupted = await ended(first)
    expect({ code: interrupted.code, phases: interrupted.stdout.includes('"phase":"following"') }).toEqual({
      code: 130,
      phases: false,
    })
    expect(interrupted.stdout).toContain('Run the same command again')
    const copied = [...(await readTree(member.url)).keys()].find((path) => path.includes('/key-'))
    await curl('-X', 'DELETE', `${url}/v2/keys${copied}`)
    await put(member.url, '/not-from-there', 'value=mine')

    const second = muster('import', '--from', url, '--to', member.url, '--once', '--json')
    expect((await ended(second)).code).toBe(0)
    // What the first run had copied is no longer told from what others wrote.
    expect(resultOf(second)).toMatchObject({ equal: true, extras: 2 })
    expect((await readTree(member.url)).get('/not-from-there')).toBe('=mine')

    const third = muster('import', '--from', url, '--to', member.url, '--once', '--delete', '--json')
    expect((await ended(third)).code).toBe(0)
    expect(resultOf(third)).toMatchObject({ equal: true, extras: 0 })
    await expectEqualTrees(url, member.url)
  })

  test('history that is lost on the way is made up for by comparing again', async () => {
    const { url, port } = await startSource()
    const member = await startMember()
    const wire = await new TcpProxy(() => port).listen()
    onTestFinished(() => wire.close())
    await fill(url, 500)
    await put(url, '/gone/soon', 'value=1')
    const child = muster('import', '--from', wire.url, '--to', member.url, '--cut-over', '--quiet-for', '1', '--json')
    onTestFinished(() => wire.resume())
    await child.untilOutput(/"phase":"following"/)
    wire.stall()
    await curl('-X', 'DELETE', `${url}/v2/keys/gone?recursive=true`)
    await fill(url, 1_500, '/later')
    wire.cut()
    wire.resume()
    await child.untilOutput(/"code":"resync"/)
    expect((await ended(child)).code).toBe(0)
    expect(resultOf(child)).toMatchObject({ equal: true, extras: 0 })
    await expectEqualTrees(url, member.url)
    expect((await readTree(member.url)).has('/gone')).toBe(false)
  })

  test('an export holds the hidden keys that the history still shows', async () => {
    const { url } = await startSource()
    await put(url, '/app/_h/_i/x', 'value=1')
    await put(url, '/other/_k', 'value=2')
    const { code, stdout } = await ended(muster('export', '--endpoints', url, '--prefix', '/app'))
    expect(code).toBe(0)
    const paths = stdout.trim().split('\n').slice(1, -1)
    expect(paths.map((line) => JSON.parse(line).path)).toEqual(['/app', '/app/_h', '/app/_h/_i', '/app/_h/_i/x'])
  })

  test('on the way back to etcd all hidden keys come along, and are compared', async () => {
    const member = await startMember()
    const { url } = await startSource()
    await put(member.url, '/app/a', 'value=1')
    await put(member.url, '/app/_h/_i/x', 'value=2')
    await put(member.url, '/_top', 'value=3', 'ttl=500')
    // In the way of a hidden key, where no listing shows it.
    await put(url, '/app/_h/_i/y/mine', 'value=4')
    await put(member.url, '/app/_h/_i/y', 'value=5')
    const words = ['--from', member.url, '--to', url, '--once', '--json']
    const refused = muster('import', ...words)
    expect((await ended(refused)).code).toBe(4)
    expect(resultOf(refused)).toMatchObject({ equal: false, differences: [{ path: '/app/_h/_i/y', kind: 'differs' }] })
    const mirror = muster('import', ...words, '--delete')
    expect((await ended(mirror)).code).toBe(0)
    expect(resultOf(mirror)).toMatchObject({ equal: true, sourceNodes: 7, extras: 0 })
    await expectEqualTrees(member.url, url, ['/app/_h', '/app/_h/_i', '/_top'])
  }, 60_000)

  test('a source that dies in the middle is told in a sentence that says what to do', async () => {
    const source = await startSource()
    const member = await startMember()
    await fill(source.url, 2_000)
    const child = muster('import', '--from', source.url, '--to', member.url, '--concurrency', '2', '--patience', '1')
    await eventually('a part of the keys', async () => (await readTree(member.url)).size > 200)
    await source.end()
    const { code, stderr } = await ended(child)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^muster: the source has not answered for 1 s: .*ECONNREFUSED.* \(MUSTER_TRANSFER_SOURCE_GONE\)$/m,
    )
    expect(stderr).toMatch(/^What was copied stays\. Run the same command again to go on\.$/m)
    expect(stderr).not.toMatch(/^ {4}at /m)
  })

  test('a source that nobody serves is told at once, and wrong words are', async () => {
    const member = await startMember()
    const nobody = await ended(muster('import', '--from', `http://127.0.0.1:${await freePort()}`, '--to', member.url))
    expect(nobody).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^muster: cannot reach http:.*ECONNREFUSED/m),
    })
    expect((await ended(muster('import'))).code).toBe(2)
    expect((await ended(muster('import', '--from', 'ftp://a', '--to', member.url))).stderr).toContain(
      'expected http or https',
    )
  })
})

describe('between members of muster', () => {
  test('a file that cannot be written is told in a sentence', async () => {
    const { url } = await startMember()
    const file = join(await scratchDir(), 'none', 'backup.jsonl')
    const noFolder = await ended(muster('export', '--endpoints', url, '-o', file))
    expect(noFolder).toMatchObject({ code: 1, stderr: expect.stringMatching(/^muster: ENOENT.*\(ENOENT\)$/m) })
    expect(noFolder.stderr).not.toMatch(/^ {4}at /m)
  })

  test('all hidden keys come to root, a subtree may get another place, and what was there stays', async () => {
    const source = await startMember()
    const target = await startMember()
    await put(source.url, '/app/a', 'value=1')
    await put(source.url, '/app/_h/_i/x', 'value=2')
    await put(source.url, '/other', 'value=3')
    await curl('-X', 'PUT', `${source.url}/v2/auth/users/root`, '-d', '{"user":"root","password":"pw"}')
    await curl('-X', 'PUT', `${source.url}/v2/auth/enable`)
    await curl('-X', 'DELETE', `${source.url}/v2/auth/roles/guest`, '-u', 'root:pw')
    await put(target.url, '/moved/mine', 'value=4')
    const words = ['--from', source.url, '--to', target.url, '--prefix', '/app', '--to-prefix', '/moved/app', '--json']
    const stranger = await ended(muster('import', ...words))
    expect(stranger).toMatchObject({ code: 1, stdout: expect.stringContaining('110 The request requires user') })
    const child = muster('import', ...words, '--from-username', 'root:pw')
    await child.untilOutput(/"phase":"following"/)
    const asRoot = source.url.replace('//', '//root:pw@')
    await put(asRoot, '/app/_h/_i/y', 'value=5')
    await put(asRoot, '/app/b', 'value=6')
    await eventually('the change', async () => (await readTree(target.url)).get('/moved/app/b') === '=6')
    child.kill('SIGTERM')
    expect((await ended(child)).code).toBe(0)
    expect(resultOf(child)).toMatchObject({ equal: true, extras: 0 })
    expect(Object.fromEntries(await readTree(target.url, ['/', '/moved/app/_h', '/moved/app/_h/_i']))).toEqual({
      '/moved': 'dir',
      '/moved/mine': '=4',
      '/moved/app': 'dir',
      '/moved/app/a': '=1',
      '/moved/app/b': '=6',
      '/moved/app/_h': 'dir',
      '/moved/app/_h/_i': 'dir',
      '/moved/app/_h/_i/x': '=2',
      '/moved/app/_h/_i/y': '=5',
    })
  })

  test('through a file and back, also over standard input; a file that was cut is refused before anything is written', async () => {
    const source = await startMember()
    const target = await startMember()
    const file = join(await scratchDir(), 'backup.jsonl')
    await fill(source.url, 1_000)
    await put(source.url, '/_h/x', 'value=1')
    await put(source.url, '/brief', 'dir=true', 'ttl=500')
    const exported = await ended(muster('export', '--endpoints', source.url, '-o', file))
    expect(exported).toMatchObject({ code: 0, stdout: expect.stringMatching(/: 1,014 nodes at index \d+\n$/) })

    const whole = await readFile(file, 'utf8')
    const cut = join(await scratchDir(), 'cut.jsonl')
    await writeFile(cut, whole)
    await truncate(cut, whole.length - 200)
    const refused = await ended(muster('import', cut, '--to', target.url))
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/damaged or cut: .*MUSTER_EXPORT_DAMAGED/) })
    expect((await readTree(target.url)).size).toBe(0)

    const child = muster('import', file, '--to', target.url, '--json')
    expect((await ended(child)).code).toBe(0)
    expect(resultOf(child)).toMatchObject({ equal: true, sourceNodes: 1_014 })
    await expectEqualTrees(source.url, target.url, ['/_h'])

    await curl('-X', 'DELETE', `${target.url}/v2/keys/full?recursive=true`)
    const piped = startChild('bash', ['-c', `"${NODE}" "${MUSTER}" import - --to ${target.url} <"${file}"`])
    expect((await piped.exited).code).toBe(0)
    await expectEqualTrees(source.url, target.url, ['/_h'])
  })
})
