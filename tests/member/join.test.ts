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
async function startMembers(
  ...lists: ((urls: readonly string[]) => readonly Listed[] | Promise<readonly Listed[]>)[]
): Promise<Config> {
  const urls: string[] = []
  for (const listOf of lists) {
    const server = createServer(async (_, response) => {
      response.setHeader('X-Etcd-Cluster-ID', 'cafe')
      response.end(JSON.stringify(await listOf(urls)))
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
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a server has a port')
  return `http://127.0.0.1:${address.port}`
}

const others = (urls: readonly string[]): readonly Listed[] =>
  urls.map((url, place) => ({ id: place + 1, name: `m${place}`, peerURLs: [url], clientURLs: [`${url}1`] }))
const hanging = (): Promise<never> => new Promise(() => {})
const newcomer = (clientURLs: readonly string[] = []): Listed => ({
  ...{ id: NEW_ID, name: '', peerURLs: [NEW_URL], clientURLs },
})

test('one that lags, and has not heard of the newcomer, is passed over', async () => {
  const config = await startMembers(others, (urls) => [...others(urls), newcomer()])
  const { raft } = await joinState(config, {}, undefined)
  expect(raft.identity).toEqual({ clusterId: 'cafe', memberId: 'c3' })
})

test('one that hangs holds nobody up for long where another has answered', async () => {
  const config = await startMembers((urls) => [...others(urls), newcomer()], hanging)
  const startedMs = performance.now()
  const { raft } = await joinState(config, {}, undefined)
  expect(raft.identity.memberId).toBe('c3')
  expect(performance.now() - startedMs).toBeLessThan(4000)
})

test('one that answers a little later may still say that the member has served', async () => {
  let answered = (): void => {}
  const afterFirst = new Promise<void>((done) => {
    answered = done
  })
  const first = (urls: readonly string[]) => {
    setImmediate(() => setImmediate(answered))
    return [...others(urls), newcomer()]
  }
  const second = async (urls: readonly string[]) => {
    await afterFirst
    return [...others(urls), newcomer(['http://new:1'])]
  }
  const config = await startMembers(first, second)
  await expect(joinState(config, {}, undefined)).rejects.toMatchObject({ code: 'MUSTER_ALREADY_BOOTSTRAPPED' })
})

test.each([
  ['is not listed under its name', [NEW_URL, 'm0'], /no member of the cluster has the URLs of "new"/],
  ['lists URLs that no option names', ['http://127.0.0.1:8', 'new'], /PeerURLs: no match found for existing member/],
] as const)('a list that %s does not fit', async (_, [url, name], said) => {
  const config = await startMembers((urls) => [...others(urls), newcomer()])
  const [first, second] = config.initialCluster
  const initialCluster = [first, { ...second, name, peerUrls: [{ href: url }] }] as unknown as Config['initialCluster']
  await expect(joinState({ ...config, initialCluster }, {}, undefined)).rejects.toThrow(said)
})

test('URLs are the same in any order, and where only localhost is spelt out', async () => {
  const listed = { ...newcomer(), peerURLs: ['http://LOCALHOST:7', 'http://10.0.0.1:7'] }
  const config = await startMembers((urls) => [...others(urls), listed])
  const [first, second] = config.initialCluster
  const peerUrls = [
    { href: 'http://10.0.0.1:7' },
    { href: NEW_URL },
  ] as unknown as Config['initialCluster'][0]['peerUrls']
  const initialCluster = [first, { ...second, peerUrls }] as unknown as Config['initialCluster']
  expect((await joinState({ ...config, initialCluster }, {}, undefined)).raft.identity.memberId).toBe('c3')
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
