/**
 * A real etcd, where one is installed, answers the transcripts of users, roles and auth as we do, byte for byte.
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

/** In this order: what one leaves behind the next one meets, on both sides. */
const FILES = ['auth-users.txt', 'auth-roles.txt', 'auth-enabled.txt'] as const

/** Requests that are answered otherwise, and why. */
const DIFFERS: Readonly<Record<string, string>> = {
  'GET /v2/machines': 'shows the URLs of each',
  'GET /version': 'muster says 2.3.8',
}

const folder = fileURLToPath(new URL('transcripts/', import.meta.url))

describe.skipIf(!isEtcdInstalled())('etcd 3.4 and muster answer alike (skipped where there is no etcd 3.4)', () => {
  let etcd: RunningEtcd
  let ours: HttpMember
  let bases: { readonly etcd: number; readonly ours: number }

  beforeAll(async () => {
    etcd = await startEtcd()
    ours = await startHttp()
    bases = { etcd: await indexOf(etcd.port), ours: await indexOf(ours.port) }
  }, 60_000)

  afterAll(async () => {
    await etcd.end()
    await ours.close()
  })

  test.each(FILES)('%s', { timeout: 60_000 }, async (file) => {
    const { blocks } = parseScript(await readFile(folder + file, 'utf8'))
    for (const { commands } of blocks) {
      const [first = '', ...rest] = commands
      const [method = '', target = ''] = first.split(' ')
      if (DIFFERS[first] !== undefined) continue
      const body = rest.find((line) => line.startsWith('body: '))?.slice(6)
      const headers = rest.filter((line) => !line.startsWith('body: '))
      const request = requestText(method, target, body, headers)
      const theirs = maskAnswer(await exchange(etcd.port, request), bases.etcd)
      expect.soft(maskAnswer(await exchange(ours.port, request), bases.ours), commands.join('\n')).toBe(theirs)
    }
  })
})

async function indexOf(port: number): Promise<number> {
  return Number(parseAnswer(await exchange(port, requestText('GET', '/v2/keys/none'))).headers['x-etcd-index'])
}
