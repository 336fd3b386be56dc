/**
 * A real etcd beside ours: as many members, plain or over TLS.
 *
 * Owns: its processes. Leaves to others: what is asked of both.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Child } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { makeScratchDir } from '../support/scratch.ts'
import { outputOf } from './programs.ts'
import type { Served } from './setups.ts'

/** Whether etcd 3.4 and its client are there. */
export function etcdctlVersion(): string | undefined {
  if (outputOf('etcd', ['--version'])?.includes('etcd Version: 3.4') !== true) return undefined
  const said = outputOf('etcdctl', ['--version'], { ETCDCTL_API: '2' })
  return /etcdctl version: ([\d.]+)/.exec(said ?? '')?.[1]
}

/** Starts an etcd of the same shape as `ours`, for the running test. Returns the client URLs. */
export async function startEtcdLike(ours: Served): Promise<readonly string[]> {
  const folder = await makeScratchDir()
  const scheme = ours.certificate === undefined ? 'http' : 'https'
  const members: { readonly name: string; readonly client: string; readonly peer: string }[] = []
  for (let n = 1; n <= ours.urls.length; n++) {
    const client = `${scheme}://127.0.0.1:${await freePort()}`
    members.push({ name: `m${n}`, client, peer: `${scheme}://127.0.0.1:${await freePort()}` })
  }
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',')
  const files = tlsWords(ours)
  const children = members.map(({ name, client, peer }) => {
    return new Child('etcd', [
      ...['--enable-v2=true', '--name', name, '--data-dir', join(folder, name), ...files],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', cluster],
    ])
  })
  onTestFinished(async () => {
    await Promise.all(children.map((child) => child.end()))
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  await eventually('etcd to serve', () => children.every((child) => /ready to serve client/.test(child.stderr)))
  return members.map(({ client }) => client)
}

function tlsWords({ certificate, caFile = '' }: Served): readonly string[] {
  if (certificate === undefined) return []
  const { certFile, keyFile } = certificate
  return [
    ...['--cert-file', certFile, '--key-file', keyFile],
    ...['--peer-cert-file', certFile, '--peer-key-file', keyFile, '--peer-trusted-ca-file', caFile],
  ]
}
