/**
 * One registration on a store in memory, and what it says.
 *
 * Owns: putting it together, closing it. Asserts nothing.
 */
import { onTestFinished } from 'vitest'
import { Gate } from '../../src/sidecar/gate.ts'
import type { LayoutName } from '../../src/sidecar/layouts/layout.ts'
import { Reach } from '../../src/sidecar/reach.ts'
import { makeInstance } from '../../src/sidecar/record.ts'
import { Registration } from '../../src/sidecar/registration.ts'
import { FakeKeyStore } from './fake-key-store.ts'

export const API = makeInstance({ name: 'api', id: 'h:api:80', host: '10.0.0.5', port: 80, ttl: 30 })
export const API_META = '/services/api/_meta/h:api:80'
export const API_ADDRESS = '/services/api/h:api:80'

export interface Times {
  readonly refreshMs?: number
  readonly resyncMs?: number
  readonly layouts?: readonly LayoutName[]
  /** Where another one registers already. */
  readonly store?: FakeKeyStore
}

export function registrationRig(times: Times = {}) {
  const { refreshMs = 20, resyncMs = 100_000, layouts = ['registrator'], store = new FakeKeyStore() } = times
  const lines: string[] = []
  const take = (fields: object, line: string): void => void lines.push(`${line} ${JSON.stringify(fields)}`)
  const log = { debug: take, info: take, warn: take }
  const settings = { layouts, prefix: '/services', domain: 'd', refreshMs, resyncMs }
  const registration = new Registration(store, settings, new Gate(1), new Reach(log), log)
  onTestFinished(async () => {
    store.comeBack()
    await registration.close(false, 1_000)
  })
  return { store, registration, lines }
}
