/**
 * Three members of which the third can be cut off from the others while clients still reach it.
 *
 * Owns: the members and the wire between. Asserts nothing.
 */
import { onTestFailed, onTestFinished } from 'vitest'
import { Cluster } from './cluster.ts'
import { MemberProcess, planMembers } from './member-process.ts'
import { scratchDir } from './scratch.ts'
import { TcpProxy } from './tcp-proxy.ts'

export interface SeveredCluster {
  readonly cluster: Cluster
  /** All that the others tell the third goes through it. */
  readonly wire: TcpProxy
  /** Where its data and what a test adds to them are. */
  readonly folder: string
}

/** Starts it; it ends with the test. */
export async function startSeveredCluster(): Promise<SeveredCluster> {
  const folder = await scratchDir()
  const planned = await planMembers(['m1', 'm2', 'm3'], folder)
  const wire = await new TcpProxy(() => planned[2]?.peerPort ?? 0).listen()
  onTestFinished(() => wire.close())
  const initialCluster = planned
    .map(({ name, peerPort }) => `${name}=${name === 'm3' ? wire.url : `http://127.0.0.1:${peerPort}`}`)
    .join(',')
  const members = planned.map((spec) => {
    const args = spec.name === 'm3' ? ['--initial-advertise-peer-urls', wire.url] : []
    return new MemberProcess({ ...spec, initialCluster, args })
  })
  const cluster = new Cluster(members, folder)
  onTestFinished(() => cluster.end())
  onTestFailed(() => cluster.report())
  await cluster.start()
  await cluster.leader()
  return { cluster, wire, folder }
}
