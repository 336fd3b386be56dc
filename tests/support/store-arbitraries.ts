/**
 * Random commands on a small tree, so that they meet each other often.
 *
 * Owns: which commands, with which odds. A step is plain data, so that a failing run shrinks to a handful of steps.
 */
import fc from 'fast-check'
import type { Command, Ttl } from '../../src/store/command.ts'
import { WALL_MS } from './store-rig.ts'

/** What happens next to a store. */
export type Step =
  | { readonly kind: 'command'; readonly command: Command }
  /** Time passes, and what is due expires. */
  | { readonly kind: 'expire'; readonly elapsedMs: number }
  /** Time passes, and nobody sweeps. */
  | { readonly kind: 'wait'; readonly elapsedMs: number }

const segment = fc.constantFrom('a', 'b', 'ab', '_h')

/** A path of the small tree, sometimes the root. */
export const anyPath: fc.Arbitrary<string> = fc
  .array(segment, { minLength: 0, maxLength: 3, size: 'max' })
  .map((segments) => `/${segments.join('/')}`)

const value = fc.constantFrom('', 'x', 'y', 'longer than thirteen characters ä \u{1f600}')

const ttl: fc.Arbitrary<Ttl | undefined> = fc.option(
  fc.record({
    ms: fc.constantFrom(-5, 0, 7, 10, 10, 25, 1000),
    expirationMs: fc.constantFrom(WALL_MS, WALL_MS + 1, WALL_MS + 2, 5),
  }),
  { nil: undefined, freq: 3 },
)

const prevIndex = fc.oneof(
  { weight: 5, arbitrary: fc.nat({ max: 12 }) },
  { weight: 1, arbitrary: fc.constant(2n ** 63n) },
)

const prevValue = fc.constantFrom('', 'x', 'y')

const boolean = fc.boolean()
const rarely = fc.nat({ max: 5 }).map((at) => at === 5)

/** Any command that a client can ask for. */
export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      path: anyPath,
      value,
      dir: rarely,
      ttl,
      refresh: rarely,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      path: anyPath,
      value,
      dir: rarely,
      ttl,
      inOrder: rarely,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('update' as const), path: anyPath, value, ttl, refresh: rarely }),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        kind: fc.constant('compareAndSwap' as const),
        path: anyPath,
        value,
        ttl,
        refresh: rarely,
        prevIndex,
        prevValue,
      })
      .filter((command) => command.prevIndex !== 0 || command.prevValue !== ''),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('delete' as const), path: anyPath, dir: boolean, recursive: boolean }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ kind: fc.constant('compareAndDelete' as const), path: anyPath, prevIndex, prevValue })
      .filter((command) => command.prevIndex !== 0 || command.prevValue !== ''),
  },
)

/** Any step. */
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: anyCommand.map((command): Step => ({ kind: 'command', command })) },
  { weight: 1, arbitrary: fc.nat({ max: 15 }).map((elapsedMs): Step => ({ kind: 'expire', elapsedMs })) },
  { weight: 1, arbitrary: fc.nat({ max: 15 }).map((elapsedMs): Step => ({ kind: 'wait', elapsedMs })) },
)
