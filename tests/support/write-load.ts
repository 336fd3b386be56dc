/**
 * A load of writes through all members, and a record of what became of each.
 *
 * Owns: the writers and the sorting of answers into fates. Leaves to others: what fate a write may have.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { isRefused, type KeysClient } from './keys-client.ts'

/**
 * - `acknowledged`: answered with success, so it must be there for ever.
 * - `unknown`: the connection broke or the member answered code 300: it may be there, once.
 * - `refused`: nobody listened, so it was never sent.
 * - `wrong`: any other answer.
 */
export type Fate = 'acknowledged' | 'unknown' | 'refused' | 'wrong'

export interface Write {
  readonly url: string
  readonly key: string
  /** No other write has the same. */
  readonly value: string
  /** Of `performance.now()`. */
  readonly startedMs: number
  readonly endedMs: number
  readonly fate: Fate
  /** The index that an acknowledged write was given. */
  readonly index: number | undefined
  /** For a failure's report: the answer or the error. */
  readonly detail: string
  /** Whether an answer of the member said so, and not the end of a connection. */
  readonly answered: boolean
}

export interface WriteLoadOptions {
  readonly client: KeysClient
  readonly urls: readonly string[]
  /** Directory of all keys. */
  readonly directory: string
  readonly writersPerMember: number
  /** Each writer overwrites its own keys in turn. */
  readonly keysPerWriter: number
  /** Between the end of a write and the next one of the same writer, milliseconds. */
  readonly paceMs: number
}

/** A writer whose member refuses connections asks again after this long, milliseconds. */
const REFUSED_PAUSE_MS = 20

export class WriteLoad {
  readonly writes: Write[] = []
  readonly #options: WriteLoadOptions
  readonly #writers: Promise<void>[] = []
  #stopped = false

  constructor(options: WriteLoadOptions) {
    this.#options = options
    for (const url of options.urls) {
      for (let n = 0; n < options.writersPerMember; n++) this.#writers.push(this.#write(url, this.#writers.length))
    }
  }

  /** Those of one fate. */
  of(fate: Fate): readonly Write[] {
    return this.writes.filter((write) => write.fate === fate)
  }

  /** Begins no more writes, and waits for the fate of those under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#writers)
  }

  async #write(url: string, writer: number): Promise<void> {
    const { client, directory, keysPerWriter, paceMs } = this.#options
    for (let n = 0; !this.#stopped; n++) {
      const write = await putOnce(client, url, `${directory}/w${writer}/k${n % keysPerWriter}`, `${writer}-${n}`)
      this.writes.push(write)
      await wait(write.fate === 'refused' ? REFUSED_PAUSE_MS : paceMs)
    }
  }
}

/** Writes once, whatever comes of it. */
export async function putOnce(client: KeysClient, url: string, key: string, value: string): Promise<Write> {
  const startedMs = performance.now()
  try {
    const { status, body, etcdIndex } = await client.put(url, key, { value })
    const ok = status === 200 || status === 201
    const fate: Fate = ok ? 'acknowledged' : body?.errorCode === 300 ? 'unknown' : 'wrong'
    const detail = ok ? '' : `${status} ${JSON.stringify(body)}`
    const index = ok ? etcdIndex : undefined
    return { url, key, value, startedMs, endedMs: performance.now(), fate, index, detail, answered: true }
  } catch (error) {
    const fate: Fate = isRefused(error) ? 'refused' : 'unknown'
    const endedMs = performance.now()
    return { url, key, value, startedMs, endedMs, fate, index: undefined, detail: String(error), answered: false }
  }
}
