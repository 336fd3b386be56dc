/**
 * Whose registration stands under an id.
 *
 * Owns: the values that an instance has written lately, and which of its keys tell. Of two registrations under one id the later
 * one counts, so whatever we have not written ourselves is a successor's. Leaves to others: giving way (registration).
 */
import type { PlacedKey } from './layouts/keys.ts'
import type { LayoutName } from './layouts/layout.ts'
import type { KeyStore, StoredKey } from './ports.ts'
import { isRefusal } from './reach.ts'

/** Values of a key by which one that comes late is known as ours. More: the oldest is forgotten, and taken for somebody else's. */
const WRITTEN_MAX = 16
/** Names looked at in a directory of ours: more than we write there. */
const INSIDE_MAX = 16

/** A registration that is not ours. */
export interface Another {
  readonly path: string
  readonly value: string
}

export class Whose {
  readonly #store: KeyStore
  /** The layout that decides: were there several, two that begin at once could each find the other's in one of them, and both give way. */
  readonly #deciding: LayoutName | undefined
  readonly #written = new Map<string, readonly string[]>()

  constructor(store: KeyStore, layouts: readonly LayoutName[]) {
    this.#store = store
    this.#deciding = layouts.includes('registrator') ? 'registrator' : layouts[0]
  }

  /** Remembers a value that is about to be written. */
  note({ path, value }: PlacedKey): void {
    const others = (this.#written.get(path) ?? []).filter((other) => other !== value)
    this.#written.set(path, [value, ...others].slice(0, WRITTEN_MAX))
  }

  /** Whether a key says whose the id is: the record where one stands apart, else what the first layout writes of the instance's own. */
  tells({ tells, layout }: PlacedKey): boolean {
    return tells === true && layout === this.#deciding
  }

  /** The other registration of which this tells; undefined: none. An empty value is nobody's, and one without a TTL no agent's. */
  anotherAt(key: PlacedKey, { value, directory, permanent }: StoredKey): Another | undefined {
    if (!this.tells(key) || isByHand(key, permanent)) return undefined
    if (!directory && (value === '' || this.#isWritten(key.path, value))) return undefined
    return { path: key.path, value }
  }

  /** Looks for another registration at these keys. @throws ClientError; the signal's reason. */
  async findAnother(keys: Iterable<PlacedKey>, signal: AbortSignal): Promise<Another | undefined> {
    for (const key of keys) {
      if (!this.tells(key)) continue
      try {
        const found = await this.#store.read(key.path, signal)
        const another = found === undefined ? undefined : this.anotherAt(key, found)
        if (another !== undefined) return another
      } catch (error) {
        // Who may write and not read cannot tell, and goes on as if nobody had come.
        if (!isRefusal(error)) throw error
      }
    }
    return undefined
  }

  /** Whether no registration stands at those of the keys that tell. @throws ClientError; the signal's reason. */
  async isFree(keys: readonly PlacedKey[], signal: AbortSignal): Promise<boolean> {
    for (const key of keys) {
      const found = this.tells(key) ? await this.#store.read(key.path, signal) : undefined
      if (found !== undefined && !isByHand(key, found.permanent)) return false
    }
    return true
  }

  /**
   * Whether a directory has a value of ours in it; undefined: it has none that would tell.
   * @param inside where that value stands. @throws ClientError; the signal's reason.
   */
  async isWithin(directory: string, inside: PlacedKey | undefined, signal: AbortSignal): Promise<boolean | undefined> {
    const value = (await this.#store.list(directory, INSIDE_MAX, signal)).get(inside?.path ?? '')
    if (value === undefined || inside === undefined) return undefined
    return value === inside.value || this.#isWritten(inside.path, value)
  }

  #isWritten(path: string, value: string): boolean {
    return this.#written.get(path)?.includes(value) === true
  }
}

/** What stands inside a directory of an agent lives with that, without a TTL of its own. */
function isByHand({ kind }: PlacedKey, permanent: boolean): boolean {
  return permanent && kind === 'own'
}
