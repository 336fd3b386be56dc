/** Asking a member who is in its cluster, before one is in it. Real sockets on loopback. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { fetchListing } from '../../src/peer/listing.ts'
import { TestMember } from '../support/peer-members.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

/** A server that answers everything with `body`. `clusterId` is empty where it names none. */
async function answering(body: string, status = 200, clusterId = 'c1'): Promise<string> {
  const server: Server = createServer((_request, response) => {
    response.writeHead(status, clusterId === '' ? {} : { 'x-etcd-cluster-id': clusterId }).end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closers.push(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a member of ours tells its cluster and its members', async () => {
  const member = await new TestMember({ id: 'ffffffffffffff01' }).listen()
  closers.push(() => member.close())
  expect(await fetchListing(member.url, undefined, 5000)).toEqual({
    clusterId: 'c1',
    members: [
      {
        id: 'ffffffffffffff01',
        name: 'nffffffffffffff01',
        peerURLs: [member.url],
        clientURLs: ['http://127.0.0.1:2379'],
      },
    ],
  })
})

test('ids of 64 bits are read exactly, and a name cannot be taken for one', async () => {
  const name = 'a "id":12 b'
  const url = await answering(`[{"id":18446744073709551615,"name":${JSON.stringify(name)}},{"id":1,"name":"x"}]`)
  const { members } = await fetchListing(url, undefined, 5000)
  expect(members.map(({ id }) => id)).toEqual(['ffffffffffffffff', '1'])
  expect(members[0]?.name).toBe(name)
})

test.each([
  ['no list', '{}', 200, 'c1'],
  ['no JSON', 'x', 200, 'c1'],
  ['an id that is none', '[{"id":0}]', 200, 'c1'],
  ['another status', '[]', 500, 'c1'],
  ['no cluster id', '[]', 200, ''],
] as const)('%s is no answer', async (_, body, status, clusterId) => {
  await expect(fetchListing(await answering(body, status, clusterId), undefined, 5000)).rejects.toThrow()
})

test('one that does not answer in time is no answer', async () => {
  const server = createServer(() => {})
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await expect(fetchListing(url, undefined, 100)).rejects.toThrow()
})
