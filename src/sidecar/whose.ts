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
  readonly #hasRecord: boolean
  readonly #written = new Map<string, readonly string[]>()

  constructor(store: KeyStore, layouts: readonly LayoutName[]) {
    this.#store = store
    this.#hasRecord = layouts.includes('registrator')
  }

  /** Remembers a value that is about to be written. */
  note({ path, value }: PlacedKey): void {
    const others = (this.#written.get(path) ?? []).filter((other) => other !== value)
    this.#written.set(path, [value, ...others].slice(0, WRITTEN_MAX))
  }

  /** Whether a key says whose the id is: the record where one stands apart, else every key with a value of the instance's own. */
  tells({ tells, layout }: PlacedKey): boolean {
    return tells === true && (layout === 'registrator' || !this.#hasRecord)
  }

  /** The other registration of which this tells; undefined: none. An empty value is nobody's. */
  anotherAt(key: PlacedKey, { value, directory }: StoredKey): Another | undefined {
    if (!this.tells(key) || (!directory && (value === '' || this.#isWritten(key.path, value)))) return undefined
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

  /** Whether nothing stands at those of the keys that tell. @throws ClientError; the signal's reason. */
  async isFree(keys: readonly PlacedKey[], signal: AbortSignal): Promise<boolean> {
    for (const key of keys)
      if (this.tells(key) && (await this.#store.read(key.path, signal)) !== undefined) return false
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
