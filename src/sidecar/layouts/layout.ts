/**
 * What a layout is: the keys by which an instance is announced, in the order in which they are written.
 *
 * Owns: the shapes. Pure, as all of this folder. Leaves to others: each layout's keys, and writing them (the registration).
 */
import type { ServiceInstance } from '../record.ts'

/** Names for `--layout`. */
export type LayoutName = 'registrator' | 'json' | 'skydns2' | 'backends' | 'vulcand' | 'traefik1'

/**
 * Whose a key is and how it ends:
 * - `own`: this instance's, with its TTL; removed with it.
 * - `common`: every instance of the service writes the same and keeps it alive; none removes it, the last one's TTL does.
 * - `shared`: permanent, written only where nothing is, never changed or removed: an administrator may have changed it.
 * - `directory`: this instance's, with its TTL; removed with all that is in it.
 * - `inside`: a permanent value within such a directory, with which it goes.
 */
export type KeyKind = 'own' | 'common' | 'shared' | 'directory' | 'inside'

export interface LayoutKey {
  readonly path: string
  /** Empty for a directory. */
  readonly value: string
  readonly kind: KeyKind
  /** Its value tells this instance from a successor under the same id, as far as the layout lets. */
  readonly tells?: boolean
}

/** Where the trees are. */
export interface Placement {
  /** Directory of the services, clean; `/services`. Layouts `registrator` and `json`. */
  readonly prefix: string
  /** Domain of SkyDNS, `skydns.local`. Layout `skydns2`. */
  readonly domain: string
  /** The port within the container, or the instance's. Layout `backends`. */
  readonly exposedPort: number
}

/**
 * The keys of an instance in the order in which they are written; they are removed in the reverse one. An instance that is
 * not routable has none that a reader would take for an address.
 */
export type Layout = (instance: ServiceInstance, place: Placement) => readonly LayoutKey[]
