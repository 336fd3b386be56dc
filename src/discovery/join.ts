/**
 * Finding the first members of a cluster through a discovery token.
 *
 * Owns: the order of steps (look, register, wait until all are there), trying again, and what the entries mean. Leaves to
 * others: the requests (`registry.ts`), what becomes of a member that comes too late (`start.ts` of the server).
 * Source: API page, 13.2.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { InitialMember } from '../config/config.ts'
import { parseCluster } from '../config/values.ts'
import { DiscoveryError } from './discovery-error.ts'
import { type Registry, type RegistryEntry, RegistryUnreachable, type RegistryView } from './registry.ts'

/** What this needs of a log. */
export interface DiscoveryLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface JoinOptions {
  readonly registry: Registry
  /** As the user gave it, for sentences. */
  readonly url: string
  readonly log: DiscoveryLog
  /** Waits before the next try. Milliseconds. */
  readonly pause?: (ms: number) => Promise<unknown>
}

/** This member, as it registers. */
export interface Registrant {
  readonly id: string
  readonly name: string
  readonly peerUrls: readonly string[]
}

/** Waits grow from 2 s, doubling, up to this. */
const BACK_OFF_MS_MIN = 2_000
const BACK_OFF_MS_MAX = 256_000
/** Before a look that follows one without news: there are hosts, and proxies before them, that do not let anybody wait. */
const LOOK_MS = 1_000

/**
 * Registers and waits for the others, for ever if need be.
 *
 * @returns the members of the new cluster, this one among them.
 * @throws DiscoveryError with any code but MUSTER_DISCOVERY_SRV.
 */
export async function joinCluster(options: JoinOptions, self: Registrant): Promise<readonly InitialMember[]> {
  const { registry, url } = options
  refuseWhenFull(await persist(options, () => registry.view()), self.id)
  const value = self.peerUrls.map((peerUrl) => `${self.name}=${peerUrl}`).join(',')
  let tries = 0
  const created = await persist(options, () => {
    tries += 1
    return registry.create(self.id, value)
  })
  // After a try without an answer the entry may be ours; before, it is of an earlier life, whose votes may count already.
  if (!created && (tries === 1 || !(await persist(options, () => registry.view())).entries.some(isOurs))) {
    throw new DiscoveryError(
      'MUSTER_DISCOVERY_TAKEN',
      `member "${self.name}" has previously registered with discovery service token (${url}), and its data directory holds ` +
        'no cluster: check the data directory, or use a new token (discovery: found duplicate id)',
    )
  }
  return untilComplete(options, self.id)

  function isOurs(entry: RegistryEntry): boolean {
    return entry.id === self.id && entry.value === value
  }
}

/** Who the members are, or will be, for a process that is none of them. Throws like `joinCluster`. */
export async function observeCluster(options: JoinOptions): Promise<readonly InitialMember[]> {
  return untilComplete(options, undefined)
}

/** Reads, and waits for changes, until there are as many entries as the cluster has members. */
async function untilComplete(options: JoinOptions, id: string | undefined): Promise<readonly InitialMember[]> {
  const { registry, log, pause = wait } = options
  let known = -1
  while (true) {
    const view = await persist(options, () => registry.view())
    if (id !== undefined) refuseWhenFull(view, id)
    if (view.entries.length >= view.size) return membersOf(view)
    if (view.entries.length === known) await pause(LOOK_MS)
    else {
      known = view.entries.length
      log.info({ found: known, wanted: view.size }, 'waiting for more members to register with the discovery token')
    }
    await persist(options, () => registry.changed(view.index))
  }
}

/** The first `size` entries make the cluster. */
function refuseWhenFull(view: RegistryView, id: string): void {
  const first = view.entries.slice(0, view.size)
  if (first.length < view.size || first.some((entry) => entry.id === id)) return
  const message = 'failed to join discovery cluster (discovery: cluster is full)'
  throw new DiscoveryError('MUSTER_DISCOVERY_FULL', message, membersOf(view))
}

function membersOf({ entries, size }: RegistryView): readonly InitialMember[] {
  const members = entries.slice(0, size).flatMap(({ value }) => parseEntry(value))
  if (new Set(members.map(({ name }) => name)).size < size) throw unusable('discovery: found duplicate name')
  return members
}

function parseEntry(value: string): readonly InitialMember[] {
  try {
    return parseCluster(value)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw unusable(`discovery: invalid URL: ${error.message}`)
  }
}

function unusable(reason: string): DiscoveryError {
  const message = `failed to join discovery cluster (${reason}): do not use the token again, make a new one`
  return new DiscoveryError('MUSTER_DISCOVERY_BAD_TOKEN', message)
}

/** Tries until the registry answers; each time it waits twice as long. */
async function persist<T>(options: JoinOptions, attempt: () => Promise<T>): Promise<T> {
  const { log, url, pause = wait } = options
  for (let waitMs = BACK_OFF_MS_MIN; ; waitMs = Math.min(2 * waitMs, BACK_OFF_MS_MAX)) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof RegistryUnreachable)) throw error
      log.warn({ reason: error.message }, `cannot reach the discovery token ${url}: trying again in ${waitMs / 1000} s`)
      await pause(waitMs)
    }
  }
}
