/**
 * The instances of a service at one moment, out of what stands in its directories.
 *
 * Owns: where each layout has a service, putting addresses and records together, which instances count, their order. Pure.
 * Leaves to others: fetching keys and following them (`discover.ts`).
 */
import type { LayoutName } from './layouts/layout.ts'
import { metaDirectory, readInstance, serviceDirectory } from './layouts/services.ts'
import { skydns2Directory } from './layouts/skydns2.ts'
import { knownServiceName } from './names.ts'
import { isRoutable, type ServiceInstance } from './record.ts'
import { settleAnnouncing } from './settings.ts'

/** Layouts that can be read. `registrator` reads `json`, and what registrator itself and docker-register write, too. */
export type ReadableLayout = Extract<LayoutName, 'registrator' | 'json' | 'skydns2'>

/** Where to look for a service, and which of its instances to show. */
export interface LookOptions {
  /** Only those to whom new connections may go. True by default. */
  readonly healthyOnly?: boolean
  /** `registrator` by default. */
  readonly layout?: ReadableLayout
  /** Directory of the services. `/services`. */
  readonly prefix?: string
  /** Domain of the layout `skydns2`. `skydns.local`. */
  readonly domain?: string
}

/** Where one service is announced. */
export interface ServicePlace {
  readonly name: string
  /** Clean path of the directory that holds a key for each instance. */
  readonly directory: string
  /** Clean path of the one that holds records apart; undefined: the layout has none. */
  readonly records: string | undefined
  readonly healthyOnly: boolean
}

/** Values by the ids under which they stand. */
export type Values = ReadonlyMap<string, string>

/** @throws RegisterError on a name, a prefix or a layout that is none. */
export function placeOf(name: string, options: LookOptions): ServicePlace {
  const { healthyOnly = true, layout = 'registrator' } = options
  const { prefix, domain } = settleAnnouncing({
    layouts: [layout],
    ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
    ...(options.domain === undefined ? {} : { domain: options.domain }),
  })
  const known = knownServiceName(name)
  if (layout === 'skydns2') {
    return { name: known, directory: skydns2Directory(domain, known), records: undefined, healthyOnly }
  }
  const records = metaDirectory(prefix, known)
  return { name: known, directory: serviceDirectory(prefix, known), records, healthyOnly }
}

/** The instances of which these values tell, in the order of their priority and then their ids. What is no instance is left out. */
export function instancesIn(place: ServicePlace, addresses: Values, records: Values): readonly ServiceInstance[] {
  const instances: ServiceInstance[] = []
  for (const id of new Set([...addresses.keys(), ...records.keys()])) {
    const instance = readInstance(place.name, id, addresses.get(id), records.get(id))
    if (instance === undefined || (place.healthyOnly && !isRoutable(instance))) continue
    instances.push(instance)
  }
  return instances.sort((one, other) => one.priority - other.priority || (one.id < other.id ? -1 : 1))
}

/** The id of a key that stands directly in a directory; undefined: it stands elsewhere. */
export function idIn(directory: string, path: string): string | undefined {
  if (!path.startsWith(`${directory}/`)) return undefined
  const id = path.slice(directory.length + 1)
  return id.includes('/') || id.startsWith('_') ? undefined : id
}
