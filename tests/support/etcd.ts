/**
 * A real etcd 3.4 with the v2 API, where one is installed, and what differs between two servers that answer alike.
 *
 * Owns: starting and ending it on free ports, and masking. Asserts nothing.
 */
import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { Child } from './child.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { makeScratchDir } from './scratch.ts'

/** Whether the program is there, and of the right version. */
export function isEtcdInstalled(): boolean {
  try {
    return execFileSync('etcd', ['--version'], { encoding: 'utf8' }).includes('etcd Version: 3.4')
  } catch {
    return false
  }
}

export interface RunningEtcd {
  /** Where clients are served, on loopback. */
  readonly port: number
  end(): Promise<void>
}

export interface EtcdOptions {
  /** The peer URL that it tells; from it, its name `default` and its token follow the ids. By default where it listens. */
  readonly peerUrl?: string
}

/** Starts a member of one, and waits until it serves. */
export async function startEtcd(options: EtcdOptions = {}): Promise<RunningEtcd> {
  const data = await makeScratchDir()
  const port = await freePort()
  const peers = `http://127.0.0.1:${await freePort()}`
  const told = options.peerUrl ?? peers
  const clients = `http://127.0.0.1:${port}`
  const etcd = new Child('etcd', [
    '--enable-v2=true',
    ...['--data-dir', data],
    ...['--listen-client-urls', clients, '--advertise-client-urls', clients],
    ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', told, '--initial-cluster', `default=${told}`],
  ])
  await eventually('etcd to serve', async () => (await fetch(`${clients}/health`)).status === 200)
  return {
    port,
    end: async () => {
      await etcd.end()
      await rm(data, { recursive: true, force: true })
    },
  }
}

/**
 * A raw answer without what differs between any two servers: dates, cluster ids, raft's headers, lengths, CORS (3.4 always sends
 * it), sub-second parts of times. Indexes are told from `base`, where the server began.
 */
export function maskAnswer(raw: string, base: number): string {
  const from = (_: string, before: string, index: string): string =>
    before + (Number(index) === 0 ? '0' : `+${Number(index) - base}`)
  return raw
    .replace(/\r\nAccess-Control-[^\r]*/g, '')
    .replace(/\r\n(Date|X-Etcd-Cluster-Id|X-Raft-Index|X-Raft-Term|Content-Length): [^\r]*/g, '\r\n$1: *')
    .replace(/(Index":|"index":|X-Etcd-Index: |"key":"\/queue\/0+|!= )(\d+)/g, from)
}
