/**
 * A real etcd, where one is installed, answers the transcripts' requests as we do.
 *
 * What differs on purpose is in DIFFERS, and in COMPATIBILITY.md.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isEtcdInstalled, maskAnswer, type RunningEtcd, startEtcd } from '../support/etcd.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer } from '../support/raw-http.ts'
import { parseScript } from '../support/script.ts'

const FILES = ['values.txt', 'directories.txt', 'refused.txt', 'paths.txt'] as const

/** Requests that are answered otherwise, and why. */
const DIFFERS: Readonly<Record<string, string>> = {}

const folder = fileURLToPath(new URL('transcripts/', import.meta.url))

describe.skipIf(!isEtcdInstalled())('etcd 3.4 and muster answer alike', () => {
  let etcd: RunningEtcd
  let ours: HttpMember

  beforeAll(async () => {
    etcd = await startEtcd()
    ours = await startHttp()
  }, 60_000)

  afterAll(async () => {
    await etcd.end()
    await ours.close()
  })

  test.each(FILES)('%s', { timeout: 60_000 }, async (file) => {
    const { blocks } = parseScript(await readFile(folder + file, 'utf8'))
    await exchange(etcd.port, requestText('DELETE', '/v2/keys/none'))
    const bases = { etcd: await indexOf(etcd.port), ours: await indexOf(ours.port) }
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
      const theirs = maskAnswer(order(await exchange(etcd.port, request)), bases.etcd)
      expect.soft(maskAnswer(order(await exchange(ours.port, request)), bases.ours), first).toBe(theirs)
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
