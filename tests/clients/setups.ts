/**
 * Where real clients are tried: musterd as processes, one member or three, plain and over TLS, and with auth on.
 *
 * Owns: the setups and their life. Leaves to others: the clients (`*.test.ts`), what came of it (`results.ts`).
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFailed, onTestFinished } from 'vitest'
import { Child, NODE } from '../support/child.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { freePort } from '../support/free-port.ts'
import { MUSTERD } from '../support/member-process.ts'
import { makeScratchDir } from '../support/scratch.ts'
import type { Setup } from './results.ts'

/** Events kept: few enough that a client can be sent beyond them. */
export const HISTORY_EVENTS = 1000
const HISTORY = ['--event-history', `${HISTORY_EVENTS}`]

/** Members that serve, for the running test. */
export interface Served {
  /** Of all members. */
  readonly urls: readonly string[]
  /** The authority behind the certificates of https URLs: a PEM file. */
  readonly caFile: string | undefined
  /** What the members show at those URLs. */
  readonly certificate: { readonly certFile: string; readonly keyFile: string } | undefined
  /** Undefined over TLS. */
  readonly cluster: Cluster | undefined
}

/** Starts the members of a setup. In `auth` nobody has turned auth on yet: that is for the client to do. */
export async function startSetup(setup: Setup): Promise<Served> {
  if (setup === 'tls') return startSecure(1)
  if (setup === 'tlsThree') return startSecure(3)
  const cluster = await startCluster({ members: setup === 'three' ? 3 : 1, args: HISTORY })
  return { urls: cluster.urls, caFile: undefined, certificate: undefined, cluster }
}

/** Members with certificates towards clients, and towards each other, who have to show theirs. */
async function startSecure(count: number): Promise<Served> {
  const folder = await makeScratchDir()
  // The authority is read by clients that run as other users.
  chmodSync(folder, 0o711)
  const { caFile, certFile, keyFile } = makeCertificates(folder)
  const members: { readonly name: string; readonly client: string; readonly peer: string }[] = []
  for (let n = 1; n <= count; n++) {
    const client = `https://127.0.0.1:${await freePort()}`
    members.push({ name: `m${n}`, client, peer: `https://127.0.0.1:${await freePort()}` })
  }
  const founders = members.map(({ name, peer }) => `${name}=${peer}`).join(',')
  const children = members.map(({ name, client, peer }) => {
    return new Child(NODE, [
      MUSTERD,
      ...['--name', name, '--data-dir', join(folder, name), ...HISTORY],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--cert-file', certFile, '--key-file', keyFile],
      ...['--peer-cert-file', certFile, '--peer-key-file', keyFile],
      ...['--peer-trusted-ca-file', caFile, '--peer-client-cert-auth'],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', founders],
    ])
  })
  onTestFinished(async () => {
    await Promise.all(children.map((child) => child.end()))
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  onTestFailed(() => {
    for (const child of children) console.error(child.stdout + child.stderr)
  })
  await Promise.all(children.map((child) => child.untilOutput(/^musterd is ready: .*$/m)))
  const urls = members.map(({ client }) => client)
  return { urls, caFile, certificate: { certFile, keyFile }, cluster: undefined }
}

/** An authority, and a certificate of it for 127.0.0.1, made by OpenSSL: what any user would do. */
function makeCertificates(folder: string) {
  const path = (name: string): string => join(folder, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
  const openssl = (args: readonly string[]): void => {
    execFileSync('openssl', ['req', '-x509', ...key, ...args], { stdio: 'pipe' })
  }
  openssl(['-subj', '/CN=muster test authority', '-keyout', path('ca.key'), '-out', path('ca.pem')])
  openssl([
    ...['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-subj', '/CN=127.0.0.1'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-keyout', path('server.key'), '-out', path('server.pem')],
  ])
  return { caFile: path('ca.pem'), certFile: path('server.pem'), keyFile: path('server.key') }
}
