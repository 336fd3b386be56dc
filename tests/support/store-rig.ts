/**
 * A state machine that is fed commands, with entries made up on the way.
 *
 * Owns: short forms of commands, numbering of entries, a clock that the test moves.
 */
import type { Command, CompareAndSwapCommand, PrevIndex, Ttl } from '../../src/store/command.ts'
import { decodeCommand, encodeCommand } from '../../src/store/command-codec.ts'
import type { Event } from '../../src/store/event.ts'
import type { StoreOptions } from '../../src/store/options.ts'
import type { Outcome } from '../../src/store/outcome.ts'
import { StateMachine } from '../../src/store/state-machine.ts'

/** A moment long after 2000, so that expirations count. */
export const WALL_MS = 1_800_000_000_000

/** A TTL of so many milliseconds, as a member would understand it at `WALL_MS`. */
export function ttl(ms: number): Ttl {
  return { ms, expirationMs: WALL_MS + ms }
}

/** Optional parts of a write. */
export interface With {
  readonly ttl?: Ttl | undefined
  readonly refresh?: boolean
  readonly dir?: boolean
}

export const command = {
  set: (path: string, value = '', more: With = {}): Command => ({
    kind: 'set',
    path,
    value,
    dir: more.dir ?? false,
    ttl: more.ttl,
    refresh: more.refresh ?? false,
  }),
  create: (path: string, value = '', more: With = {}): Command => ({
    kind: 'create',
    path,
    value,
    dir: more.dir ?? false,
    ttl: more.ttl,
    inOrder: false,
  }),
  post: (path: string, value = '', more: With = {}): Command => ({
    kind: 'create',
    path,
    value,
    dir: more.dir ?? false,
    ttl: more.ttl,
    inOrder: true,
  }),
  update: (path: string, value = '', more: With = {}): Command => ({
    kind: 'update',
    path,
    value,
    ttl: more.ttl,
    refresh: more.refresh ?? false,
  }),
  swap: (
    path: string,
    value: string,
    prev: { readonly index?: PrevIndex; readonly value?: string },
    more: With = {},
  ): CompareAndSwapCommand => ({
    kind: 'compareAndSwap',
    path,
    value,
    ttl: more.ttl,
    refresh: more.refresh ?? false,
    prevIndex: prev.index ?? 0,
    prevValue: prev.value ?? '',
  }),
  remove: (path: string, flags: { readonly dir?: boolean; readonly recursive?: boolean } = {}): Command => ({
    kind: 'delete',
    path,
    dir: flags.dir ?? false,
    recursive: flags.recursive ?? false,
  }),
  swapOut: (path: string, prev: { readonly index?: PrevIndex; readonly value?: string }): Command => ({
    kind: 'compareAndDelete',
    path,
    prevIndex: prev.index ?? 0,
    prevValue: prev.value ?? '',
  }),
}

/** Feeds one state machine. */
export class StoreRig {
  readonly store: StateMachine
  clockMs: number
  term: number

  constructor(options?: StoreOptions, store?: StateMachine) {
    this.store = store ?? new StateMachine(options)
    this.clockMs = this.store.clockMs
    this.term = Math.max(1, this.store.appliedTerm)
  }

  /** Applies a command, through its bytes, as the next entry. */
  apply(asked: Command | undefined): Outcome | undefined {
    const entry = { index: this.store.appliedIndex + 1, term: this.term, stampMs: this.clockMs }
    return this.store.apply(entry, asked === undefined ? undefined : decodeCommand(encodeCommand(asked)))
  }

  /** Applies a command that must succeed; its event. */
  do(asked: Command): Event {
    const outcome = this.apply(asked)
    if (outcome?.ok !== true) throw new Error(`refused: ${JSON.stringify(asked)} ${JSON.stringify(outcome)}`)
    return outcome.event
  }

  /** Moves the clock and expires what is due then. */
  expireAt(clockMs: number): void {
    this.clockMs = clockMs
    this.apply({ kind: 'expire', term: this.term })
  }
}
