/**
 * A store of keys in memory that fails as a test pleases, and tells what was asked of it.
 *
 * Owns: keys, failures, the list of calls. TTLs run where a test wants it, by its clock; else it
 * removes a key to let it expire. Asserts nothing.
 */
import { ClientError } from '../../src/client/errors.ts'
import type { KeyStore } from '../../src/sidecar/ports.ts'

export class FakeKeyStore implements KeyStore {
  /** Values by path; undefined for a directory. */
  readonly keys = new Map<string, string | undefined>()
  /** `write /path`, in order; reads and refreshes are there too. */
  readonly calls: string[] = []
  /** What every call fails with; undefined: none. */
  failing: ClientError | undefined
  /** What the store answers instead of doing a call, as `write /path`; undefined: it does it. */
  refusal: (call: string) => ClientError | undefined = () => undefined
  /** Calls of this name are applied, and then fail as if their answer were lost. */
  losesAnswersOf: string | undefined
  /** Those without a TTL that somebody wrote by hand. */
  readonly permanent = new Set<string>()
  /** Whether TTLs run. */
  expires = false
  /** Paths of keys whose TTL was over. */
  readonly expired: string[] = []
  readonly #deadlinesMs = new Map<string, number>()
  /** Calls under way at most, so far. */
  peak = 0
  #running = 0

  /** Cannot be reached from now on. */
  goAway(): void {
    this.failing = new ClientError('MUSTER_CLIENT_UNREACHABLE', 'away', { definite: true, retriable: true })
  }

  comeBack(): void {
    this.failing = undefined
  }

  /** Names of calls that change something, since the list was emptied. */
  get writes(): readonly string[] {
    return this.calls.filter((call) => !/^(read|refresh|list) /.test(call))
  }

  read(path: string): ReturnType<KeyStore['read']> {
    return this.#do('read', path, () => {
      if (!this.keys.has(path)) return undefined
      const value = this.keys.get(path)
      return { value: value ?? '', directory: value === undefined, permanent: this.permanent.has(path) }
    })
  }

  write(path: string, value: string, ttl: number | undefined): Promise<void> {
    return this.#do(ttl === undefined ? 'write-permanent' : 'write', path, () => this.#set(path, value, ttl))
  }

  add(path: string, value: string): Promise<void> {
    return this.#do('add', path, () => {
      if (!this.keys.has(path)) this.keys.set(path, value)
    })
  }

  makeDirectory(path: string): Promise<void> {
    return this.#do('mkdir', path, () => void this.keys.set(path, undefined))
  }

  refresh(path: string, ttl = 0): ReturnType<KeyStore['refresh']> {
    return this.#do('refresh', path, () => {
      if (!this.keys.has(path)) return undefined
      const value = this.keys.get(path)
      const permanent = this.permanent.has(path)
      this.#set(path, value, ttl)
      return { value: value ?? '', directory: value === undefined, permanent, isEmptied: false }
    })
  }

  removeIf(path: string, value: string): ReturnType<KeyStore['removeIf']> {
    // As the client does: the API cannot compare with nothing.
    if (value === '') return Promise.reject(new RangeError('prevValue is empty'))
    return this.#do('remove', path, () => {
      if (!this.keys.has(path)) return 'gone'
      if (this.keys.get(path) !== value) return 'other'
      this.keys.delete(path)
      return 'removed'
    })
  }

  removeDirectory(path: string): Promise<void> {
    return this.#do('rmdir', path, () => {
      for (const key of [...this.keys.keys()]) if (key === path || key.startsWith(`${path}/`)) this.keys.delete(key)
    })
  }

  claim(path: string, value: string, ttl = 0): Promise<boolean> {
    return this.#do('claim', path, () => {
      if (this.keys.has(path)) return this.keys.get(path) === value
      this.#set(path, value, ttl)
      return true
    })
  }

  list(directory: string, max: number): ReturnType<KeyStore['list']> {
    return this.#do('list', directory, () => {
      const found = new Map<string, string | undefined>()
      for (const [path, value] of this.keys) {
        if (!path.startsWith(`${directory}/`) || found.size >= max) continue
        const names = path.slice(directory.length + 1).split('/')
        names.forEach((name, at) => {
          const above = `${directory}/${names.slice(0, at + 1).join('/')}`
          const isHidden = names.slice(0, at + 1).some((each) => each.startsWith('_'))
          if (!isHidden && name !== '') found.set(above, at === names.length - 1 ? value : undefined)
        })
      }
      return found
    })
  }

  #set(path: string, value: string | undefined, ttl = Number.POSITIVE_INFINITY): void {
    this.keys.set(path, value)
    this.permanent.delete(path)
    this.#deadlinesMs.set(path, performance.now() + ttl * 1000)
  }

  #expire(): void {
    for (const [path, deadlineMs] of this.#deadlinesMs) {
      if (deadlineMs > performance.now() || !this.keys.delete(path)) continue
      this.expired.push(path)
      this.#deadlinesMs.delete(path)
    }
  }

  async #do<T>(name: string, path: string, work: () => T): Promise<T> {
    this.peak = Math.max(this.peak, ++this.#running)
    await new Promise((done) => setImmediate(done))
    this.#running--
    this.calls.push(`${name} ${path}`)
    if (this.expires) this.#expire()
    if (this.failing !== undefined) throw this.failing
    const refusal = this.refusal(`${name} ${path}`)
    if (refusal !== undefined) throw refusal
    const result = work()
    if (this.losesAnswersOf === name) {
      throw new ClientError('MUSTER_CLIENT_TIMEOUT', 'no answer', { definite: false, retriable: true })
    }
    return result
  }
}
