/**
 * Leaving an etcd 3.4 for good: what clients bring along with them to the new cluster, and words that would go wrong.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { curl } from '../support/curl.ts'
import { isEtcdInstalled } from '../support/etcd.ts'
import { scratchDir } from '../support/scratch.ts'
import { ended, muster, put, resultOf, startMember, startSource } from '../support/transfer-command.ts'

/** The peer URL that both programs tell when they are not told one. */
const DEFAULT_PEER_URL = 'http://localhost:2380'

async function clusterIdOf(url: string): Promise<string> {
  const { headers } = await fetch(`${url}/v2/keys/`)
  return headers.get('x-etcd-cluster-id') ?? ''
}

async function indexOf(url: string): Promise<number> {
  const { headers } = await fetch(`${url}/v2/keys/`)
  return Number(headers.get('x-etcd-index'))
}

async function post(url: string, path: string, value: string): Promise<string> {
  return JSON.parse(await curl('-X', 'POST', `${url}/v2/keys${path}`, '-d', `value=${value}`)).node.key
}

describe.skipIf(!isEtcdInstalled())('leaving an etcd 3.4 (skipped where it is not installed)', () => {
  test('a muster with the flags of the etcd that it replaces, and so with its cluster id, takes its place', async () => {
    const source = await startSource({ peerUrl: DEFAULT_PEER_URL })
    const told = ['--initial-advertise-peer-urls', DEFAULT_PEER_URL, '--initial-cluster', `default=${DEFAULT_PEER_URL}`]
    const target = await startMember('default', told)
    expect(await clusterIdOf(target.url)).toBe('cdf818194e3a8c32')
    expect(await clusterIdOf(source.url)).toBe('cdf818194e3a8c32')
    await put(source.url, '/a', 'value=1')
    const child = muster('import', '--from', source.url, '--to', target.url, '--cut-over', '--quiet-for', '1', '--json')
    expect((await ended(child)).code).toBe(0)
    expect(resultOf(child)).toMatchObject({ equal: true, sourceNodes: 1, index: { isBegunAnew: true } })
    expect(JSON.parse(await curl(`${target.url}/v2/keys/a`)).node.value).toBe('1')
    const itself = await ended(muster('import', '--from', source.url, '--to', source.url, '--once'))
    expect(itself).toMatchObject({ code: 1, stderr: expect.stringContaining('are the same cluster') })
    expect(itself.stderr).toMatch(/^muster: /m)
  })

  test('a queue goes on in order, and a watcher comes along with its index', async () => {
    const source = await startSource()
    const target = await startMember()
    await put(source.url, '/busy', 'value=0', 'ttl=500')
    const first = await post(source.url, '/q', 'first')
    await using old = new MusterClient({ endpoints: [source.url] })
    for (let n = 0; n < 300; n++) await old.refresh('/busy', { ttl: 500 })
    const last = await post(source.url, '/q', 'last')
    const seen = await indexOf(source.url)
    const child = muster('import', '--from', source.url, '--to', target.url, '--cut-over', '--quiet-for', '1', '--json')
    expect((await ended(child)).code).toBe(0)
    expect(resultOf(child).index).toMatchObject({ inOrder: Number(last.slice(-20)), source: seen, isBegunAnew: true })
    expect(await indexOf(target.url)).toBeGreaterThanOrEqual(seen)

    await using client = new MusterClient({ endpoints: [target.url] })
    // What a client does that saw everything up to an index: a change that it missed must not pass for one that it has seen.
    await expect(client.poll('/q', { recursive: true, waitIndex: seen - 100, pollMs: 2_000 })).rejects.toMatchObject({
      code: 401,
    })
    const next = await post(target.url, '/q', 'next')
    expect([next, last, first].sort()).toEqual([first, last, next])
    await target.kill()
    await target.start()
    expect(await indexOf(target.url)).toBe(Number(next.slice(-20)))
    await expect(client.poll('/q', { recursive: true, waitIndex: 2, pollMs: 2_000 })).rejects.toMatchObject({
      code: 401,
    })
    const { event } = await client.poll('/q', {
      recursive: true,
      waitIndex: Number(next.slice(-20)),
      pollMs: 2_000,
    })
    expect(event?.node.key).toBe(next)
  })

  test('the other way round, where nobody can take the index on, writes lift it past the names of POST', async () => {
    const source = await startMember()
    const target = await startSource()
    await using old = new MusterClient({ endpoints: [source.url] })
    for (let n = 0; n < 50; n++) await old.set('/k', `${n}`)
    const last = await post(source.url, '/q', 'last')
    const child = muster('import', '--from', source.url, '--to', target.url, '--once', '--json')
    expect((await ended(child)).code).toBe(0)
    expect(resultOf(child).index).toMatchObject({ inOrder: Number(last.slice(-20)), isBegunAnew: false })
    const next = await post(target.url, '/q', 'next')
    expect(next > last).toBe(true)
    expect(await curl(`${target.url}/v2/keys/_muster_lift`)).toContain('"errorCode":100')
  })

  test('a prefix that is mistyped fails, for import, export and files, and empties nothing', async () => {
    const source = await startSource()
    const target = await startMember()
    await put(source.url, '/services/web', 'value=1')
    await put(target.url, '/typo/precious', 'value=1')
    const file = join(await scratchDir(), 'backup.jsonl')
    const nothing = { code: 1, stderr: expect.stringMatching(/nothing at \/typo \(MUSTER_TRANSFER_NOTHING_THERE\)$/m) }
    expect(await ended(muster('export', '--endpoints', source.url, '--prefix', '/typo', '-o', file))).toMatchObject(
      nothing,
    )
    expect((await ended(muster('export', '--endpoints', source.url, '-o', file))).code).toBe(0)
    const common = ['--to', target.url, '--prefix', '/typo', '--delete']
    expect(await ended(muster('import', '--from', source.url, '--once', ...common))).toMatchObject(nothing)
    const fromFile = await ended(muster('import', file, ...common))
    expect(fromFile).toMatchObject(nothing)
    expect(fromFile.stderr).toMatch(/^Nothing was written\.$/m)
    expect(await curl(`${target.url}/v2/keys/typo/precious`)).toContain('"value":"1"')
  })
})

describe('words', () => {
  test('that exclude each other are refused, and a file that is not there is told as such', async () => {
    const { url } = await startMember()
    const both = await ended(muster('import', '--from', url, '--to', url, '--once', '--cut-over'))
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('give either --once or --cut-over') })
    const missing = await ended(muster('import', join(await scratchDir(), 'none.jsonl'), '--to', url))
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^muster: ENOENT.*\nNothing was written\.$/m),
    })
  })

  test('names of thousands of characters are cut where people read them, and whole in JSON', async () => {
    const { url } = await startMember()
    const key = `/${'k'.repeat(2_000)}`
    await put(url, key, 'value=mine')
    const file = join(await scratchDir(), 'empty.jsonl')
    await writeFile(file, '')
    const other = await startMember()
    expect((await ended(muster('export', '--endpoints', other.url, '-o', file))).code).toBe(0)
    const shown = await ended(muster('import', file, '--to', url))
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/for example \/k+…k+$/m) })
    for (const line of shown.stdout.split('\n')) expect(line.length).toBeLessThan(200)
    const json = muster('import', file, '--to', url, '--json')
    expect((await ended(json)).code).toBe(0)
    expect(resultOf(json)).toMatchObject({ extras: 1 })
  })
})
