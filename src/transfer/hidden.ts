/**
 * Hidden keys of a server that never lists them.
 *
 * Owns: which hidden places are known: named by the user, well known, or seen in an event. A place is the path up to a name
 * that begins with `_`; what is below it is listed when it is asked for itself.
 */

/** Places that programs of the time used. */
export const WELL_KNOWN: readonly string[] = ['/_etcd', '/_coreos.com']

/** More names than anybody hides; further ones are not followed, and the count says so. */
const PLACES_MAX = 10_000

/** The hidden places known so far. */
export class HiddenPlaces {
  readonly #under: string
  readonly #places = new Set<string>()
  /** As last asked for; undefined: another place is known since. */
  #apart: readonly string[] | undefined
  #missed = 0

  /** @param under Only what lies below this path counts. */
  constructor(named: readonly string[], under: string) {
    this.#under = under
    for (const path of named) this.#add(path)
  }

  /** In the order in which they became known. */
  get all(): readonly string[] {
    return [...this.#places]
  }

  /** Those that have to be listed by themselves: what lies in another one, and is not hidden there, comes with it. */
  get apart(): readonly string[] {
    this.#apart ??= this.all.filter((place) => !this.#isShown(place))
    return this.#apart
  }

  /** Places beyond the bound. */
  get missed(): number {
    return this.#missed
  }

  /** Takes note of the path of an event; true when it led to a place that was not known. */
  see(path: string): boolean {
    let fresh = false
    for (let at = path.indexOf('/_', this.#under === '/' ? 0 : this.#under.length); at >= 0; ) {
      const end = path.indexOf('/', at + 1)
      const place = end < 0 ? path : path.slice(0, end)
      if (this.#add(place)) fresh = true
      at = end < 0 ? -1 : path.indexOf('/_', end)
    }
    return fresh
  }

  #isShown(place: string): boolean {
    for (let at = place.lastIndexOf('/'); at >= 0 && !place.startsWith('/_', at); ) {
      const above = place.slice(0, at) || '/'
      if (above === this.#under || this.#places.has(above)) return true
      at = at === 0 ? -1 : place.lastIndexOf('/', at - 1)
    }
    return false
  }

  #add(place: string): boolean {
    if (this.#places.has(place) || !isWithin(this.#under, place)) return false
    if (this.#places.size >= PLACES_MAX) {
      this.#missed += 1
      return false
    }
    this.#places.add(place)
    this.#apart = undefined
    return true
  }
}

function isWithin(under: string, path: string): boolean {
  return under === '/' || path.startsWith(`${under}/`)
}
