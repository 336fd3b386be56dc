/**
 * Servers of the v2 API for tests that should hold for any: a member in this process, and a real etcd where one is installed.
 *
 * Owns: starting one for the tests of a block. Asserts nothing.
 */
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { startServer } from '../../src/entry/server.ts'
import { isEtcdInstalled, startEtcd } from './etcd.ts'

/** A server while the tests of its block run. */
export interface StoreServer {
  /** Client URL. */
  readonly url: string
  /** A client that is closed when the running test is over. */
  client(): MusterClient
}

/** Declares the tests once for each kind of server. Without an etcd 3.4 its block is skipped and its name says why. */
export function describeOnStores(name: string, tests: (server: StoreServer) => void): void {
  describe(`${name}, on muster`, () => {
    tests(
      serverOfBlock(async () => {
        const server = await startServer()
        return { url: server.url, end: () => server.stop() }
      }),
    )
  })
  const hasEtcd = isEtcdInstalled()
  describe.skipIf(!hasEtcd)(`${name}, on etcd 3.4${hasEtcd ? '' : ' (skipped: it is not installed)'}`, () => {
    tests(
      serverOfBlock(async () => {
        const etcd = await startEtcd()
        return { url: `http://127.0.0.1:${etcd.port}`, end: () => etcd.end() }
      }),
    )
  })
}

function serverOfBlock(start: () => Promise<{ readonly url: string; end(): Promise<void> }>): StoreServer {
  let running: { readonly url: string; end(): Promise<void> } | undefined
  beforeAll(async () => {
    running = await start()
  }, 60_000)
  afterAll(() => running?.end())
  const url = (): string => running?.url ?? ''
  return {
    get url() {
      return url()
    },
    client: () => {
      const client = new MusterClient({ endpoints: [url()] })
      onTestFinished(() => client.close())
      return client
    },
  }
}
