/** Which list of members a member that joins goes by, when those that it asks do not agree. */
import { createServer, type Server } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import type { Config, Endpoint } from '../../src/config/config.ts'
import { checkFirstStart, joinState } from '../../src/member/join.ts'
import { memberId } from '../../src/raft/types.ts'

const NEW_URL = 'http://127.0.0.1:7'
const NEW_ID = 0xc3

interface Listed {
  readonly id: number
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
}

/** Members that answer with the list that `listOf` makes of all their URLs, one after the other. */
async function startMembers(...lists: ((urls: readonly string[]) => readonly Listed[])[]): Promise<Config> {
  const urls: string[] = []
  for (const listOf of lists) {
    const server = createServer((_, response) => {
      response.setHeader('X-Etcd-Cluster-ID', 'cafe')
      response.end(JSON.stringify(listOf(urls)))
    })
    urls.push(await listen(server))
  }
  const initialCluster = [...urls, NEW_URL].map((href, place) => ({
    name: place === urls.length ? 'new' : `m${place}`,
    peerUrls: [{ href } as Endpoint],
  }))
  return { name: 'new', initialCluster } as unknown as Config
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a server has a port')
  return `http://127.0.0.1:${address.port}`
}

const others = (urls: readonly string[]): readonly Listed[] =>
  urls.map((url, place) => ({ id: place + 1, name: `m${place}`, peerURLs: [url], clientURLs: [`${url}1`] }))
const newcomer = (clientURLs: readonly string[] = []): Listed => ({
  ...{ id: NEW_ID, name: '', peerURLs: [NEW_URL], clientURLs },
})

test('one that lags, and has not heard of the newcomer, is passed over', async () => {
  const config = await startMembers(others, (urls) => [...others(urls), newcomer()])
  const { raft } = await joinState(config, {}, undefined)
  expect(raft.identity).toEqual({ clusterId: 'cafe', memberId: 'c3' })
})

test('where no list fits, the last misfit is told', async () => {
  const config = await startMembers(others, others)
  await expect(joinState(config, {}, undefined)).rejects.toThrow('member count is unequal')
})

test('a member that has served is refused, whoever of those that are asked knows it', async () => {
  const knowing = (urls: readonly string[]) => [...others(urls), newcomer(['http://new:1'])]
  const lagging = (urls: readonly string[]) => [...others(urls), newcomer()]
  const config = await startMembers(lagging, knowing)
  const refused = { code: 'MUSTER_ALREADY_BOOTSTRAPPED' }
  await expect(joinState(config, {}, undefined)).rejects.toMatchObject(refused)
  await expect(checkFirstStart(config, memberId('c3'), undefined)).rejects.toMatchObject(refused)
})
