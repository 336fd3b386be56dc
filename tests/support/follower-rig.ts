/**
 * A follower between a fake engine and a store in memory.
 *
 * Owns: putting them together, closing them. Asserts nothing.
 */
import { onTestFinished } from 'vitest'
import { Agent } from '../../src/sidecar/agent.ts'
import { Engine } from '../../src/sidecar/engine/engine.ts'
import { Follower, type FollowOptions } from '../../src/sidecar/engine/follower.ts'
import { SILENT } from '../../src/sidecar/ports.ts'
import { settleAnnouncing } from '../../src/sidecar/settings.ts'
import { eventually } from './eventually.ts'
import { FakeEngine } from './fake-engine.ts'
import { FakeKeyStore } from './fake-key-store.ts'

const rules = {
  ...{ hostName: 'h1', ip: '', ownAddress: '10.0.0.5', internal: false, explicit: false, ipLabel: '', tags: '' },
  ...{ checkDefault: undefined, deregisterAfter: undefined, allowsCommands: false },
}
/** A container with one published port. */
export const WEB = { name: 'web', ports: { '80/tcp': 32_768 } }

/** All of it, not yet begun. */
export async function followerRig(options: Partial<FollowOptions> = {}) {
  const fake = await FakeEngine.start()
  const store = new FakeKeyStore()
  const agent = new Agent({ store, settings: settleAnnouncing({}), log: SILENT, shutdownMs: 1_000 })
  let listed = 0
  const onListed = async (): Promise<void> => void listed++
  const engine = new Engine(`unix://${fake.path}`)
  const rest = {
    rules,
    ttl: 30,
    deregister: 'always',
    relistMs: Number.POSITIVE_INFINITY,
    log: SILENT,
    onListed,
  } as const
  const follower = new Follower({ engine, agent, ...rest, ...options })
  onTestFinished(async () => {
    await follower.close()
    await agent.close(false)
  })
  const has = (path: string) => eventually(path, () => store.keys.has(path))
  const lacks = (path: string) => eventually(`no ${path}`, () => !store.keys.has(path))
  return { fake, store, agent, follower, has, lacks, listings: () => listed }
}
