/**
 * Entries that an earlier registrator of this host left behind.
 *
 * Owns: telling them from those of others, and removing them. Layouts `registrator` and `json`; elsewhere the TTL does it.
 *
 * An entry is ours to remove when its id begins with our host name, nothing here announces it, and it is a registrator's: its
 * record names our host as its agent, or it has none, as those of the old registrator, which never end by themselves.
 */
import type { Agent } from './agent.ts'
import { META_NAME, metaDirectory } from './layouts/services.ts'
import type { KeyStore, RegisterLog } from './ports.ts'
import { parseRecord } from './record.ts'
import { keyOfInstance } from './service.ts'

/** Entries that are looked at; of more the rest is left to its TTL. */
const ENTRIES_MAX = 200_000

export interface StaleOptions {
  readonly store: KeyStore
  /** Directory of the services, clean. */
  readonly prefix: string
  readonly hostName: string
  readonly agent: Agent
  readonly log: RegisterLog
}

/** Removes them; how many. @throws ClientError; the signal's reason. */
export async function removeStale(options: StaleOptions, signal: AbortSignal): Promise<number> {
  const { store, prefix, hostName, agent, log } = options
  const root = prefix === '/' ? '' : prefix
  const entries = new Map<string, { readonly value: string | undefined; readonly meta: string | undefined }>()
  const services = new Set<string>()
  // Addresses before records: a sidecar that registers meanwhile writes its record first, so an address has one when we look.
  for (const [path, value] of await store.list(prefix, ENTRIES_MAX, signal)) {
    const [service = '', id] = path.slice(root.length + 1).split('/')
    services.add(service)
    if (id?.startsWith(`${hostName}:`) === true && value !== undefined)
      entries.set(`${service}/${id}`, { value, meta: undefined })
  }
  for (const service of services) {
    for (const [path, meta] of await store.list(metaDirectory(prefix, service), ENTRIES_MAX, signal)) {
      const id = path.slice(path.lastIndexOf('/') + 1)
      const key = `${service}/${id}`
      if (id.startsWith(`${hostName}:`) && meta !== undefined)
        entries.set(key, { value: entries.get(key)?.value, meta })
    }
  }
  let removed = 0
  for (const [key, { value, meta }] of entries) {
    const at = key.indexOf('/')
    const [service, id] = [key.slice(0, at), key.slice(at + 1)]
    const record = parseRecord(service, id, meta ?? value ?? '')
    if (agent.has(keyOfInstance({ name: service, id })) || (record !== undefined && record.agent !== hostName)) continue
    if (value !== undefined) await store.removeIf(`${root}/${service}/${id}`, value, signal)
    if (meta !== undefined) await store.removeIf(`${root}/${service}/${META_NAME}/${id}`, meta, signal)
    log.info({ service, id }, 'removed a stale entry')
    removed++
  }
  return removed
}
