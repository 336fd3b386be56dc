/**
 * A store in this process behind a wire that can be cut, and clients on both sides of it.
 *
 * Owns: starting them and ending them with the test. Asserts nothing.
 */
import { onTestFinished } from 'vitest'
import type { MusterClient } from '../../src/client/client.ts'
import { startHttp } from './http-member.ts'
import { clientOf } from './odd-server.ts'
import { deadPort, TcpProxy } from './tcp-proxy.ts'

export interface StoreWire {
  /** Not by the wire. */
  readonly direct: MusterClient
  /** By the wire. */
  readonly client: MusterClient
  /** Those behind the wire find nobody any more, or somebody again. */
  takeStoreAway(): void
  bringStoreBack(): void
}

export async function startStoreWire(): Promise<StoreWire> {
  const http = await startHttp()
  onTestFinished(() => http.close())
  const dead = await deadPort()
  let isAway = false
  const wire = await new TcpProxy(() => (isAway ? dead : http.port)).listen()
  onTestFinished(() => wire.close())
  return {
    direct: clientOf([`http://127.0.0.1:${http.port}`]),
    client: clientOf([wire.url], { retry: { attemptsMax: 2, delayMsMin: 1, delayMsMax: 20 } }),
    takeStoreAway: () => {
      isAway = true
      wire.cut()
    },
    bringStoreBack: () => {
      isAway = false
    },
  }
}
