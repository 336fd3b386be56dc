/**
 * The lock of etcd 0.4 (API page, 17): a queue of in-order keys, the first of which holds it.
 *
 * Owns: taking a place, waiting for the ones before it, keeping the place alive meanwhile, renewing, releasing. Leaves to others:
 * requests (`modules.ts`). There is no state here: a lock is its keys, and what a client left behind goes when its TTL ends.
 */
import { ErrorCode } from '../../api.ts'
import type { Command, Ttl } from '../../store/command.ts'
import type { Node } from '../../store/node.ts'
import type { Failure } from '../../store/outcome.ts'
import type { WatchAnswer } from '../../store/watch.ts'
import type { MemberPort, Refusal, WriteAnswer } from '../ports.ts'
import { firstPlace, numberOf, standing } from './queue.ts'

/** Where locks live: hidden, as all of etcd's own. */
export const LOCKS = '/_etcd/mod/lock'
/** What a place holds when its client named no value. */
const NO_VALUE = '-'
/** Between two signs of life of a place that waits, at least: each is a write. Milliseconds. */
const ALIVE_MS_MIN = 500
/** What a timer can count. Whoever means to wait longer waits this long, some 25 days. Milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** What became of a request for a lock. */
export type LockAnswer =
  | { readonly kind: 'done'; readonly text: string }
  /** The store's no, or a condition of the world. */
  | { readonly kind: 'failed'; readonly answer: Failure | Refusal }
  /** The place is gone, or its time to wait is over. In words for the client. */
  | { readonly kind: 'lost'; readonly why: string }
  /** A limit of this member is reached. */
  | { readonly kind: 'full'; readonly limit: 'locksMax' | 'watchersMax' }

export interface AcquireRequest {
  /** The lock's directory. */
  readonly directory: string
  /** Empty: none. A value that has a place already gets that one. */
  readonly value: string
  /** 0: the place never expires. */
  readonly ttlSeconds: number
  /** How long to wait, milliseconds; undefined: as long as the client does. */
  readonly waitMsMax: number | undefined
  /** Aborted when nobody can be told any more: the client is gone, or the member stops. */
  readonly gone: AbortSignal
}

type Waited = { readonly kind: 'acquired' } | Exclude<LockAnswer, { readonly kind: 'done' }>

const ENDED = { kind: 'lost', why: 'waiting ended before the lock was acquired' } as const

/** All locks, as one member sees them. */
export class Locks {
  readonly #member: MemberPort
  readonly #locksMax: number
  #waiting = 0

  /** @param locksMax How many requests may wait for locks. */
  constructor(member: MemberPort, locksMax: number) {
    this.#member = member
    this.#locksMax = locksMax
  }

  /** Takes a place in the queue and waits until it is the first. The text is the number of the place. */
  async acquire(request: AcquireRequest): Promise<LockAnswer> {
    if (this.#waiting >= this.#locksMax) return { kind: 'full', limit: 'locksMax' }
    this.#waiting += 1
    try {
      return await this.#acquire(request)
    } finally {
      this.#waiting -= 1
    }
  }

  /** Gives the place of `index`, or the one that holds `value`, a new TTL. */
  async renew(directory: string, index: string, value: string, ttlSeconds: number): Promise<LockAnswer> {
    const place = await this.#find(directory, index, value)
    if ('kind' in place) return place
    const kept = value === '' ? (place.value ?? '') : value
    const ttl = this.#ttl(ttlSeconds)
    return answerOf(await this.#write({ kind: 'update', path: place.key, value: kept, ttl, refresh: false }))
  }

  /** Gives the place of `index`, or the one that holds `value`, away. */
  async release(directory: string, index: string, value: string): Promise<LockAnswer> {
    const place = await this.#find(directory, index, value)
    if ('kind' in place) return place
    return answerOf(await this.#write({ kind: 'delete', path: place.key, dir: false, recursive: false }))
  }

  /** The number or the value of the place that holds the lock; empty when nobody does. */
  async holder(directory: string, field: 'index' | 'value'): Promise<LockAnswer> {
    const queue = await this.#queue(directory)
    if ('kind' in queue) return queue
    const first = firstPlace(queue, () => true)
    if (first === undefined) return { kind: 'done', text: '' }
    return { kind: 'done', text: field === 'index' ? numberOf(first.key) : (first.value ?? '') }
  }

  async #acquire(request: AcquireRequest): Promise<LockAnswer> {
    const { directory, value } = request
    if (value !== '') {
      const queue = await this.#queue(directory)
      if ('kind' in queue) {
        if (queue.kind !== 'failed' || 'condition' in queue.answer) return queue
      } else {
        const mine = firstPlace(queue, (place) => place.value === value)
        if (mine !== undefined) return this.#join(request, mine.key)
      }
    }
    const ttl = this.#ttl(request.ttlSeconds)
    const path = directory
    const made = await this.#write({ kind: 'create', path, value: value || NO_VALUE, dir: false, ttl, inOrder: true })
    if (!made.ok) return { kind: 'failed', answer: made }
    const { key } = made.event.node
    const answer = await this.#join(request, key)
    // Its client waits no more, and nobody else knows the place.
    if (answer.kind !== 'done') await this.#write({ kind: 'delete', path: key, dir: false, recursive: false })
    return answer
  }

  /** Waits until the place at `key` is the first. */
  async #join(request: AcquireRequest, key: string): Promise<LockAnswer> {
    const { ttlSeconds, waitMsMax, gone } = request
    const timeout = waitMsMax === undefined ? undefined : AbortSignal.timeout(Math.min(waitMsMax, TIMER_MS_MAX))
    const stop = timeout === undefined ? gone : AbortSignal.any([gone, timeout])
    const rest = ttlSeconds === 0 ? undefined : this.#keepAlive(key, ttlSeconds)
    let waited: Waited
    try {
      waited = await this.#wait(request.directory, key, stop)
    } finally {
      rest?.()
    }
    if (waited.kind !== 'acquired') return waited
    if (gone.aborted) return ENDED
    if (ttlSeconds !== 0) {
      const refreshed = await this.#refresh(key, ttlSeconds)
      if (!refreshed.ok) return { kind: 'failed', answer: refreshed }
    }
    return { kind: 'done', text: numberOf(key) }
  }

  /** Refreshes a place twice in its TTL, one refresh at a time. Returns how to stop that. */
  #keepAlive(key: string, ttlSeconds: number): () => void {
    const aliveMs = Math.min(Math.max(ALIVE_MS_MIN, ttlSeconds * 500), TIMER_MS_MAX)
    let timer: NodeJS.Timeout | undefined
    let isOver = false
    const again = (): void => {
      if (!isOver) timer = setTimeout(refresh, aliveMs)
    }
    const refresh = (): void => {
      const command = this.#refreshing(key, ttlSeconds)
      this.#member.write(command, again)
    }
    again()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }

  async #wait(directory: string, key: string, stop: AbortSignal): Promise<Waited> {
    for (;;) {
      const place = standing(this.#member.store.tree.find(directory), key)
      if (place === 'first') return { kind: 'acquired' }
      if (place === 'gone') return { kind: 'lost', why: 'the place in the queue expired or was released' }
      if (stop.aborted) return ENDED
      const ended = await this.#nextChange([place.behind, key], stop)
      if (ended !== undefined) return ended
    }
  }

  /** Resolves when something happens to one of the keys, or when waiting is over; with the reason if it cannot go on. */
  #nextChange(keys: readonly string[], stop: AbortSignal): Promise<Waited | undefined> {
    return new Promise((resolve) => {
      const answers: WatchAnswer[] = []
      const done = (ended?: Waited): void => {
        stop.removeEventListener('abort', stopped)
        for (const answer of answers) if (answer.kind === 'registered') answer.watcher.cancel()
        resolve(ended)
      }
      const stopped = (): void => done()
      stop.addEventListener('abort', stopped)
      for (const path of keys) {
        const answer = this.#member.store.watchers.watch({
          path,
          recursive: false,
          stream: false,
          since: 0,
          deliver: () => {
            done()
            return true
          },
          closed: () => done(ENDED),
        })
        answers.push(answer)
        if (answer.kind === 'full') {
          done({ kind: 'full', limit: 'watchersMax' })
          return
        }
      }
    })
  }

  /** The place of a number, or the one that holds a value; both as they are after all that was acknowledged. */
  async #find(directory: string, index: string, value: string): Promise<Node | LockAnswer> {
    const queue = await this.#queue(directory)
    if ('kind' in queue) return queue
    const number = index.replace(/^0+(?=\d)/, '')
    const place = firstPlace(queue, (each) => (index === '' ? each.value === value : numberOf(each.key) === number))
    if (place !== undefined) return place
    const key = index === '' ? directory : `${directory}/${index}`
    return { kind: 'failed', answer: this.#failure(ErrorCode.keyNotFound, key) }
  }

  /** The directory of a lock. */
  async #queue(directory: string): Promise<Node | Exclude<LockAnswer, { readonly kind: 'done' }>> {
    const refusal = await new Promise<Refusal | undefined>((done) => this.#member.quorumRead(done))
    if (refusal !== undefined) return { kind: 'failed', answer: refusal }
    const found = this.#member.store.tree.get(directory)
    if ('ok' in found) return { kind: 'failed', answer: found }
    if (!found.dir) return { kind: 'failed', answer: this.#failure(ErrorCode.notDirectory, directory) }
    return found
  }

  #failure(code: Failure['code'], cause: string): Failure {
    return { ok: false, code, cause, storeIndex: this.#member.store.storeIndex }
  }

  /** A refresh is no event, so that the queue behind it does not wake up. */
  #refresh(path: string, ttlSeconds: number): Promise<WriteAnswer> {
    return this.#write(this.#refreshing(path, ttlSeconds))
  }

  #refreshing(path: string, ttlSeconds: number): Command {
    return { kind: 'update', path, value: '', ttl: this.#ttl(ttlSeconds), refresh: true }
  }

  #write(command: Command): Promise<WriteAnswer> {
    return new Promise((done) => this.#member.write(command, done))
  }

  #ttl(seconds: number): Ttl | undefined {
    if (seconds === 0) return undefined
    return { ms: seconds * 1000, expirationMs: this.#member.wallNowMs() + seconds * 1000 }
  }
}

function answerOf(answer: WriteAnswer): LockAnswer {
  return answer.ok ? { kind: 'done', text: '' } : { kind: 'failed', answer }
}
