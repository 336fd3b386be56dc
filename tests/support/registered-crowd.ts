/**
 * Hundreds of instances that one agent keeps announced on three members, of which one can be cut off.
 *
 * Owns: the members, the wire to the third, the agent, the faults, and a list of every removal that a watcher saw. Asserts nothing.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFailed, onTestFinished } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { startMuster } from './agent-process.ts'
import type { Child } from './child.ts'
import type { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import { startSeveredCluster } from './severed-cluster.ts'

export interface Crowd {
  readonly cluster: Cluster
  readonly agent: Child
  readonly client: MusterClient
  /** What was removed since it was complete: `expire /services/…`. A resync of the watcher is there too. */
  readonly removals: readonly string[]
  /**
   * Kills the leader and starts it again, then cuts one member off for longer than a TTL: nothing of the others reaches it, while
   * clients still do. Resolves when all are together again and another half of a TTL has passed.
   */
  sufferFaults(): Promise<void>
  /** How many are announced now. */
  count(): Promise<number>
}

/** @param count of instances. @param ttl whole seconds, with heartbeats every third of it. */
export async function startCrowd(count: number, ttl: number): Promise<Crowd> {
  const { cluster, wire, folder } = await startSeveredCluster()
  const services = Array.from({ length: count }, (_, at) => ({
    ...{ name: `svc${at % 30}`, port: 10_000 + at, id: `i${at}`, host: '10.0.0.5' },
  }))
  const file = join(folder, 'services.json')
  await writeFile(file, JSON.stringify({ services }))
  const words = [
    'register',
    '--file',
    file,
    '--ttl',
    String(ttl),
    '--ttl-refresh',
    String(ttl / 3),
    '--resync',
    String(ttl),
  ]
  const agent = startMuster(folder, cluster.urls, words)
  onTestFailed(() => console.error(`--- the agent said:\n${agent.stderr.slice(-4_000)}`))

  const client = new MusterClient({ endpoints: cluster.urls })
  onTestFinished(() => client.close())
  const instances = async (): Promise<number> => {
    const { node } = await client.get('/services', { recursive: true, quorum: true })
    return (node.nodes ?? []).flatMap(({ nodes = [] }) => nodes).length
  }
  await eventually('all to be announced', async () => (await instances()) === count, 60_000)

  const removals: string[] = []
  const { index } = await client.position()
  const over = new AbortController()
  onTestFinished(() => over.abort())
  const watching = (async () => {
    for await (const seen of client.watch('/services', { recursive: true, from: index + 1, signal: over.signal })) {
      if (seen.kind === 'resync') removals.push('resync')
      else if (/^(expire|delete|compareAndDelete)$/.test(seen.event.action)) {
        removals.push(`${seen.event.action} ${seen.event.node.key}`)
      }
    }
  })()
  watching.catch((error: unknown) => removals.push(`the watch ended: ${String(error)}`))
  return {
    cluster,
    agent,
    client,
    removals,
    sufferFaults: async () => {
      const leader = await cluster.leader()
      await leader.kill()
      await cluster.leader()
      await leader.start()
      wire.stall()
      await untilClockMoved(client, 1.3 * ttl)
      wire.resume()
      wire.cut()
      await cluster.leader()
      await untilClockMoved(client, 0.5 * ttl)
    },
    count: instances,
  }
}

/** Waits until a key with that TTL has expired: so much time has passed by the clock on which all TTLs run. */
async function untilClockMoved(client: MusterClient, seconds: number): Promise<void> {
  // The member that is cut off may have led: a write on its way then fails, and nobody repeats it for us.
  await eventually('a write', async () => (await client.set('/clock', 'x', { ttl: Math.ceil(seconds) })).index > 0)
  await eventually('the clock', async () => (await client.peek('/clock')) === undefined, 120_000)
}
