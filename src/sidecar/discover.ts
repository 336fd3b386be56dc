/**
 * A service's instances, now and as they change.
 *
 * Owns: following addresses and records beside each other, putting bursts together, what stays when the store is away. Leaves to
 * others: what the keys mean (`instance-list.ts`), fail-over and lost events (the client).
 *
 * A list is only ever replaced by what a server said. When none can be asked the last one stays, marked as stale: to take
 * everybody out because the store is away would be the worst that a tool of this kind can do.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { isNothingThere, type Keys } from '../client/keys.ts'
import { idIn, instancesIn, type LookOptions, placeOf, type ServicePlace, type Values } from './instance-list.ts'
import { parseAddress } from './names.ts'
import { Alarm } from './pause.ts'
import type { ServiceInstance } from './record.ts'

/** Nodes and characters of one service's directory. Beyond them the client gives up with `MUSTER_CLIENT_ANSWER_TOO_LARGE`. */
const NODES_MAX = 100_000
const CHARS_MAX = 64 * 1024 * 1024
/** Changes within this time make one list: an instance's record and its address come apart. Milliseconds. */
const TOGETHER_MS = 10
/** A record that has not been told of yet is asked for so long; then its address is shown without. Milliseconds. */
const RECORD_MS_MAX = 1_000
/** Waiting for a change has no end, but a timer must have one. Milliseconds. */
const SLEEP_MS = 3_600_000

const NONE: Values = new Map()

export interface DiscoverOptions extends LookOptions {
  readonly signal?: AbortSignal | undefined
}

/** The instances of a service at one moment. */
export interface InstanceList {
  /** Of the service. */
  readonly name: string
  /** In the order of priority, then of ids. */
  readonly instances: readonly ServiceInstance[]
  /** Store index of the newest change that it shows, or of the reading. */
  readonly index: number
  /** No server can be asked at present: this is what was known before. */
  readonly stale: boolean
}

/**
 * The instances of a service now. @throws RegisterError on a name that is none; ClientError; the signal's reason.
 */
export async function discoverNow(
  client: Keys,
  name: string,
  { signal, ...look }: DiscoverOptions = {},
): Promise<InstanceList> {
  const place = placeOf(name, look)
  // Addresses first: a record is written before its address, so that each address finds its record.
  const addresses = await readValues(client, place.directory, signal)
  const records = place.records === undefined ? undefined : await readValues(client, place.records, signal)
  const instances = instancesIn(place, addresses.values, records?.values ?? NONE)
  return { name: place.name, instances, index: addresses.index, stale: false }
}

/**
 * The instances of a service, now and whenever they change, until the signal aborts or the client is closed. The first list comes
 * when the store has been read; from then on lists that are the same are not told again. While no server can be asked the last
 * list stands, and is told once more as `stale`.
 *
 * ```ts
 * for await (const { instances } of discover(client, 'api')) pool.replace(instances)
 * ```
 *
 * @throws RegisterError on a name that is none; ClientError that asking again will not change, as for want of a permission.
 */
export async function* discover(
  client: Keys,
  name: string,
  { signal, ...look }: DiscoverOptions = {},
): AsyncGenerator<InstanceList, void, void> {
  const place = placeOf(name, look)
  const over = new AbortController()
  const both = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal])
  const alarm = new Alarm()
  const late = new LateRecords(client, place)
  const sides = [place.directory, ...(place.records === undefined ? [] : [place.records])].map(
    (directory) => new Side(client, directory, both, alarm),
  )
  try {
    let told: string | undefined
    while (true) {
      await alarm.sleepUntil(performance.now() + SLEEP_MS)
      // The first list is waited for; later ones come in bursts.
      if (told !== undefined) await wait(TOGETHER_MS, undefined, { signal: both }).catch(() => {})
      const failed = sides.find((side) => side.failure !== undefined)
      if (failed !== undefined) throw failed.failure
      if (sides.some((side) => side.isOver)) return
      if (sides.some((side) => side.values === undefined)) continue
      await late.look(sides, both)
      const list = listOf(place, sides, late)
      const text = JSON.stringify([list.stale, list.instances])
      if (text === told) continue
      told = text
      yield list
    }
  } finally {
    over.abort()
    await Promise.all(sides.map((side) => side.done))
  }
}

function listOf(place: ServicePlace, sides: readonly Side[], late: LateRecords): InstanceList {
  const [addresses = NONE, records = NONE] = sides.map((side) => side.values)
  return {
    name: place.name,
    instances: instancesIn(place, addresses, new Map([...late.values, ...records])),
    index: Math.max(...sides.map((side) => side.index)),
    stale: sides.some((side) => side.isAway),
  }
}

/** One directory that is followed. */
class Side {
  /** Undefined until it was read. */
  values: Values | undefined
  index = 0
  isAway = false
  isOver = false
  failure: unknown
  readonly done: Promise<void>
  readonly #client: Keys
  readonly #directory: string
  readonly #alarm: Alarm

  constructor(client: Keys, directory: string, signal: AbortSignal, alarm: Alarm) {
    this.#client = client
    this.#directory = directory
    this.#alarm = alarm
    this.done = this.#follow(signal)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const onContact = (failure: Error | undefined): void => this.#turn(failure !== undefined)
    try {
      const views = this.#client.follow(this.#directory, {
        nodesMax: NODES_MAX,
        charsMax: CHARS_MAX,
        signal,
        onContact,
      })
      for await (const { nodes, index } of views) {
        const values = new Map<string, string>()
        for (const { path, dir, value } of nodes.values()) {
          const id = dir ? undefined : idIn(this.#directory, path)
          if (id !== undefined) values.set(id, value)
        }
        this.values = values
        this.index = index
        this.#alarm.poke()
      }
    } catch (error) {
      this.failure = error
    }
    this.isOver = true
    this.#alarm.poke()
  }

  #turn(isAway: boolean): void {
    if (this.isAway === isAway) return
    this.isAway = isAway
    this.#alarm.poke()
  }
}

/**
 * Records of addresses that came before them. Both stand in the store, the record first, but they are told over two connections;
 * without its record an instance would be taken for one of the default weight and priority.
 */
class LateRecords {
  /** Of those ids that are known to have one. */
  readonly values = new Map<string, string>()
  readonly #client: Keys
  readonly #place: ServicePlace
  /** Ids that have none, as with the old registrator. */
  readonly #without = new Set<string>()

  constructor(client: Keys, place: ServicePlace) {
    this.#client = client
    this.#place = place
  }

  /** Asks once for those that are missing. Never rejects: whom nobody answers is shown without. */
  async look([addresses, records]: readonly Side[], signal: AbortSignal): Promise<void> {
    if (records === undefined || addresses?.values === undefined || addresses.isAway) return
    for (const id of [...this.values.keys(), ...this.#without]) {
      if (addresses.values.has(id) && records.values?.has(id) !== true) continue
      this.values.delete(id)
      this.#without.delete(id)
    }
    const missing = [...addresses.values]
      .filter(([id, value]) => records.values?.has(id) !== true && parseAddress(value) !== undefined)
      .filter(([id]) => !this.values.has(id) && !this.#without.has(id))
    if (missing.length === 0) return
    try {
      const soon = AbortSignal.any([signal, AbortSignal.timeout(RECORD_MS_MAX)])
      const read = await readValues(this.#client, this.#place.records ?? '', soon, true)
      for (const [id] of missing) {
        const record = read.values.get(id)
        if (record === undefined) this.#without.add(id)
        else this.values.set(id, record)
      }
    } catch {
      // What keeps it from being read is told by the side that follows the records.
    }
  }
}

async function readValues(
  client: Keys,
  directory: string,
  signal: AbortSignal | undefined,
  quorum = false,
): Promise<{ readonly values: Values; readonly index: number }> {
  const values = new Map<string, string>()
  try {
    const { node, index } = await client.get(directory, { signal, quorum })
    for (const { key = '', value } of node.nodes ?? []) {
      const id = value === undefined ? undefined : idIn(directory, key)
      if (id !== undefined && value !== undefined) values.set(id, value)
    }
    return { values, index }
  } catch (error) {
    if (!isNothingThere(error)) throw error
    return { values, index: error.index }
  }
}
