/**
 * A real etcd, where one is installed, answers the transcripts' requests as we do.
 *
 * Masked: dates, cluster ids, raft's headers, lengths, CORS (3.4 always sends it), sub-second parts of times. Indexes are
 * compared from where each server began. What differs on purpose is in DIFFERS, and in COMPATIBILITY.md.
 */
import { execFileSync } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer } from '../support/raw-http.ts'
import { makeScratchDir } from '../support/scratch.ts'
import { parseScript } from '../support/script.ts'

const FILES = ['values.txt', 'directories.txt', 'refused.txt', 'paths.txt'] as const

/** Requests that are answered otherwise, and why. */
const DIFFERS: Readonly<Record<string, string>> = {}

const folder = fileURLToPath(new URL('transcripts/', import.meta.url))

function isInstalled(): boolean {
  try {
    return execFileSync('etcd', ['--version'], { encoding: 'utf8' }).includes('etcd Version: 3.4')
  } catch {
    return false
  }
}

describe.skipIf(!isInstalled())('etcd 3.4 and muster answer alike', () => {
  let etcd: Child
  let port: number
  let ours: HttpMember
  let data: string

  beforeAll(async () => {
    data = await makeScratchDir()
    port = await freePort()
    const peers = `http://127.0.0.1:${await freePort()}`
    const clients = `http://127.0.0.1:${port}`
    etcd = new Child('etcd', [
      '--enable-v2=true',
      ...['--data-dir', data],
      ...['--listen-client-urls', clients, '--advertise-client-urls', clients],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers, '--initial-cluster', `default=${peers}`],
    ])
    await eventually('etcd to serve', async () => (await fetch(`${clients}/health`)).status === 200)
    ours = await startHttp()
  }, 60_000)

  afterAll(async () => {
    etcd.kill('SIGKILL')
    await etcd.exited
    await ours.close()
    await rm(data, { recursive: true, force: true })
  })

  test.each(FILES)('%s', { timeout: 60_000 }, async (file) => {
    const { blocks } = parseScript(await readFile(folder + file, 'utf8'))
    await exchange(port, requestText('DELETE', '/v2/keys/none'))
    const bases = { etcd: await indexOf(port), ours: await indexOf(ours.port) }
    for (const { commands } of blocks) {
      const [first = '', ...rest] = commands
      const [method = '', target = ''] = first.split(' ')
      if (method === 'refuse') break
      if (DIFFERS[first] !== undefined) continue
      const body = rest.find((line) => line.startsWith('body: '))?.slice(6)
      const headers = rest.filter((line) => !line.startsWith('body: '))
      const request = requestText(method, target, body, headers)
      // etcd lists in any order when it is not asked to sort, and in another one the next time.
      const order = target.includes('sorted=') ? (raw: string) => raw : inOrderOfKeys
      const theirs = mask(order(await exchange(port, request)), bases.etcd)
      expect.soft(mask(order(await exchange(ours.port, request)), bases.ours), first).toBe(theirs)
    }
  })
})

async function indexOf(port: number): Promise<number> {
  return Number(parseAnswer(await exchange(port, requestText('GET', '/v2/keys/none'))).headers['x-etcd-index'])
}

interface Listed {
  readonly key?: string
  readonly nodes?: readonly Listed[]
}

/** Sorts the listing of a directory by key; anything else stays as it is. */
function inOrderOfKeys(raw: string): string {
  const bodyAt = raw.indexOf('\r\n\r\n') + 4
  if (!raw.slice(bodyAt).includes('"nodes":[')) return raw
  const sort = (node: Listed): Listed =>
    node.nodes === undefined
      ? node
      : { ...node, nodes: node.nodes.map(sort).sort((a, b) => ((a.key ?? '') < (b.key ?? '') ? -1 : 1)) }
  const body = JSON.parse(raw.slice(bodyAt)) as { readonly node: Listed }
  return raw.slice(0, bodyAt) + JSON.stringify({ ...body, node: sort(body.node) })
}

function mask(raw: string, base: number): string {
  const from = (_: string, before: string, index: string): string =>
    before + (Number(index) === 0 ? '0' : `+${Number(index) - base}`)
  return raw
    .replace(/\r\nAccess-Control-[^\r]*/g, '')
    .replace(/\r\n(Date|X-Etcd-Cluster-Id|X-Raft-Index|X-Raft-Term|Content-Length): [^\r]*/g, '\r\n$1: *')
    .replace(/(Index":|"index":|X-Etcd-Index: |"key":"\/queue\/0+|!= )(\d+)/g, from)
}
