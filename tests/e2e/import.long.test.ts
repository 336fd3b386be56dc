/**
 * A million keys in bounded memory: `muster import` between two servers that make them up as they are asked.
 *
 * Both sides have the same tree, but for a thousand keys that the target lacks, so that the test takes seconds: what a pass
 * keeps in memory does not depend on how much it writes. `tests/e2e/import.test.ts` with `IMPORT_KEYS=1000000` does it all with real servers.
 */

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { NODE, ROOT } from '../support/child.ts'
import { startChild } from '../support/scratch.ts'

const KEYS = 1_000_000
const MISSING = 1_000
/** Measured: see `src/transfer/DESIGN.md`. */
const RSS_BYTES_MAX = 400e6

/** A server whose tree is a million keys in ten thousand directories; without `missing` of them until they are written. */
async function startVast(missing: number): Promise<{ readonly url: string; writes(): number }> {
  let writes = 0
  const list = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200, { 'x-etcd-index': '1000003' })
    response.write('{"action":"get","node":{"dir":true,"nodes":[')
    for (let folder = 0; folder < KEYS / 100; folder++) {
      let text = `${folder === 0 ? '' : ','}{"key":"/d${folder}","dir":true,"nodes":[`
      for (let n = 0; n < 100; n++) {
        const key = folder * 100 + n
        if (key < missing - writes) continue
        const comma = text.endsWith('[') ? '' : ','
        text += `${comma}{"key":"/d${folder}/key-${key}","value":"${'v'.repeat(60)}${key}","modifiedIndex":${key + 4},"createdIndex":${key + 4}}`
      }
      if (!response.write(`${text}],"modifiedIndex":4,"createdIndex":4}`)) await once(response, 'drain')
    }
    response.end(']}}\n')
  }
  const server = createServer((request, response) => {
    const { searchParams, pathname } = new URL(request.url ?? '/', 'http://a')
    response.on('error', () => undefined)
    if (request.method === 'PUT') {
      request.resume()
      request.on('end', () => response.writeHead(201).end('{"action":"set"}\n'))
      writes += 1
    } else if (searchParams.has('wait')) {
      response.writeHead(200, { 'x-etcd-index': '1000003' }).flushHeaders()
    } else if (pathname === '/v2/keys/') {
      list(response).catch(() => response.destroy())
    } else {
      const known = pathname.startsWith('/v2/keys')
      response.writeHead(404, { 'x-etcd-index': '1000003' })
      response.end(
        known ? '{"errorCode":100,"message":"Key not found","cause":"/","index":1000003}\n' : '404 page not found\n',
      )
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, writes: () => writes }
}

test('a million keys are compared, completed and verified in bounded memory', async () => {
  const source = await startVast(0)
  const target = await startVast(MISSING)
  const words = ['import', '--from', source.url, '--to', target.url, '--once', '--json']
  const child = startChild(NODE, [join(ROOT, 'bin', 'muster.ts'), ...words])
  const mostResidentBytes = child.watchResidentBytes()
  const { code } = await child.exited
  expect({ code, said: child.stderr }).toEqual({ code: 0, said: '' })
  const result = JSON.parse(child.stdout.trim().split('\n').at(-1) ?? '')
  expect(result).toMatchObject({ equal: true, sourceNodes: 1_010_000, targetNodes: 1_010_000, extras: 0 })
  expect(target.writes()).toBe(MISSING)
  const residentBytes = mostResidentBytes()
  console.log(`a million keys: at most ${Math.round(residentBytes / 1e6)} MB resident`)
  expect(residentBytes).toBeGreaterThan(0)
  expect(residentBytes).toBeLessThan(RSS_BYTES_MAX)
})
