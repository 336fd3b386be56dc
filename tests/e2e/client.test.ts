/** The client against real servers that die, fall silent and lose connections: nothing acknowledged is missed, nothing is seen twice. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { ClientError } from '../../src/client/errors.ts'
import type { View } from '../../src/client/follow.ts'
import type { ClientOptions } from '../../src/client/options.ts'
import { startCluster } from '../support/cluster.ts'
import { isEtcdInstalled, startEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { startSeveredCluster } from '../support/severed-cluster.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

const BEHIND_MAX = 400

function clientOf(endpoints: readonly string[], options: Partial<ClientOptions> = {}): MusterClient {
  const client = new MusterClient({
    endpoints,
    timeoutMs: 2_000,
    retry: { delayMsMin: 10, delayMsMax: 200 },
    ...options,
  })
  onTestFinished(() => client.close())
  return client
}

/** Writes numbered values until it is told to stop; what surely was written, by index. */
class Writer {
  readonly acknowledged = new Map<number, string>()
  readonly #client: MusterClient
  readonly #over = new AbortController()
  readonly #loop: Promise<void>
  /** Resolves when the next write may be made. */
  readonly #turn: () => Promise<void>

  constructor(client: MusterClient, path: string, turn: () => Promise<void> = async () => {}) {
    this.#client = client
    this.#turn = turn
    this.#loop = this.#run(path)
  }

  /** Resolves with the index of the last write. */
  async stop(): Promise<number> {
    this.#over.abort()
    await this.#loop
    return Math.max(...this.acknowledged.keys())
  }

  async #run(path: string): Promise<void> {
    for (let n = 0; !this.#over.signal.aborted; n += 1) {
      await this.#turn()
      try {
        const { index } = await this.#client.set(`${path}/${n % 7}`, `${n}`)
        this.acknowledged.set(index, `${n}`)
      } catch (error) {
        if (!(error instanceof ClientError) || !error.retriable) throw error
      }
    }
  }
}

/** Watches and follows until `upTo` is known and reached. */
class Watcher {
  readonly seen = new Map<number, string | undefined>()
  readonly resyncs: number[] = []
  view: View | undefined
  /** Something came twice, or out of order. */
  readonly disorder: number[] = []
  #last = 0
  readonly #over = new AbortController()
  readonly #loops: Promise<void>[]

  constructor(client: MusterClient, path: string, from: number) {
    const { signal } = this.#over
    this.#loops = [this.#watch(client, path, from, signal), this.#follow(client, path, signal)]
  }

  get index(): number {
    return Math.min(this.#last, this.view?.index ?? 0)
  }

  async stop(): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#loops)
  }

  async #watch(client: MusterClient, path: string, from: number, signal: AbortSignal): Promise<void> {
    for await (const each of client.watch(path, { recursive: true, from, signal, pollMs: 1_000 })) {
      if (each.kind === 'resync') {
        this.resyncs.push(each.index)
        continue
      }
      if (each.index <= this.#last) this.disorder.push(each.index)
      this.#last = each.index
      this.seen.set(each.index, each.event.node.value)
    }
  }

  async #follow(client: MusterClient, path: string, signal: AbortSignal): Promise<void> {
    for await (const view of client.follow(path, { signal, pollMs: 1_000 })) {
      if (view.index < (this.view?.index ?? 0)) this.disorder.push(view.index)
      // The map is the follower's; its newest state is all that is looked at.
      this.view = view
    }
  }
}

async function compare(writer: Writer, watcher: Watcher, reader: MusterClient, path: string): Promise<void> {
  const last = await writer.stop()
  await expect.poll(() => watcher.index, { timeout: 30_000 }).toBeGreaterThanOrEqual(last)
  const { node } = await reader.get(path, { quorum: true, recursive: true })
  const values = Object.fromEntries((node.nodes ?? []).map(({ key, value }) => [key, value]))
  await expect
    .poll(() =>
      Object.fromEntries(
        [...(watcher.view?.nodes.values() ?? [])].filter(({ dir }) => !dir).map(({ path: key, value }) => [key, value]),
      ),
    )
    .toEqual(values)
  await watcher.stop()
  const missed = [...writer.acknowledged].filter(([index, value]) => watcher.seen.get(index) !== value)
  expect(missed, 'acknowledged writes that a watch has not shown').toEqual([])
  expect([watcher.disorder, watcher.resyncs]).toEqual([[], []])
}

describe('three members', () => {
  test('of which the leader is killed, twice: watches and views go on, and no write is missed', async () => {
    const cluster = await startCluster()
    const client = clientOf(cluster.urls)
    const { index } = await clientOf(cluster.urls).set('/load/begin', 'x')
    const writer = new Writer(clientOf(cluster.urls), '/load')
    const watcher = new Watcher(client, '/load', index)
    for (let kills = 0; kills < 2; kills += 1) {
      const { size } = writer.acknowledged
      await expect.poll(() => writer.acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(size + 50)
      const leader = await cluster.leader()
      await leader.kill()
      const { size: atKill } = writer.acknowledged
      await expect.poll(() => writer.acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(atKill + 50)
      await cluster.start()
    }
    await compare(writer, watcher, client, '/load')
  })

  test('of which one falls silent without closing anything: watches and calls go elsewhere', async () => {
    const cluster = await startCluster()
    const proxies: TcpProxy[] = []
    for (const { spec } of cluster.members) {
      const proxy = await new TcpProxy(() => spec.clientPort).listen()
      onTestFinished(() => proxy.close())
      proxies.push(proxy)
    }
    const urls = proxies.map(({ url }) => url)
    const given = { order: 'given', timeoutMs: 500 } as const
    const { index } = await clientOf(urls, given).set('/load/begin', 'x')
    const writer = new Writer(clientOf(urls, given), '/load')
    const watcher = new Watcher(clientOf(urls, given), '/load', index)
    await expect.poll(() => writer.acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(50)
    proxies[0]?.stall()
    const { size } = writer.acknowledged
    await expect.poll(() => writer.acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(size + 50)
    await compare(writer, watcher, clientOf(urls, given), '/load')
  })
})

// Skipped where no etcd 3.4 is installed.
test.skipIf(!isEtcdInstalled())('etcd, whose connections break time and again: no write is missed', async () => {
  const etcd = await startEtcd()
  onTestFinished(() => etcd.end())
  const proxy = await new TcpProxy(() => etcd.port).listen()
  onTestFinished(() => proxy.close())
  const direct = clientOf([`http://127.0.0.1:${etcd.port}`])
  const { index } = await direct.set('/load/begin', 'x')
  const watcher = new Watcher(clientOf([proxy.url]), '/load', index)
  let written = index
  // etcd keeps a thousand events: who writes waits for who watches, however slow the machine is.
  const writer = new Writer(direct, '/load', async () => {
    written += 1
    if (written - watcher.index > BEHIND_MAX) {
      await eventually('the watcher to come after', () => written - watcher.index <= BEHIND_MAX)
    }
  })
  for (let cuts = 0; cuts < 20; cuts += 1) {
    const { size } = writer.acknowledged
    await expect.poll(() => writer.acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(size + 20)
    proxy.cut()
  }
  await compare(writer, watcher, direct, '/load')
})

test('a view that waits at a member which is cut off from the others goes on elsewhere', async () => {
  const { cluster, wire } = await startSeveredCluster()
  const [m1 = '', m2 = '', m3 = ''] = cluster.urls
  const failovers: string[] = []
  const client = clientOf([m3, m1, m2], {
    order: 'given',
    leaderLookMs: 200,
    hooks: { failover: ({ from }) => void failovers.push(from) },
  })
  const writer = clientOf([m1, m2])
  // Through the third, which has applied it by then.
  await client.set('/a', 'before')
  const seen: (string | undefined)[] = []
  for await (const view of client.follow('/a')) {
    seen.push(view.nodes.get('/a')?.value)
    if (seen.length > 1) break
    wire.stall()
    await eventually('the third to know of no leader', async () => {
      return (await fetch(`${m3}/v2/members/leader`)).status === 503
    })
    await eventually(
      'a write beside it',
      async () => (await writer.set('/a', 'after').catch(() => undefined)) !== undefined,
    )
  }
  expect(seen).toEqual(['before', 'after'])
  expect(failovers).toEqual([m3])
})
