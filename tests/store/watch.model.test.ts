/**
 * Random watchers on random commands: each sees what the documented rules say, once, in order.
 *
 * The memory of the history is tiny here, so that watchers catch up from disk as well, and some ask for what is gone.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diskHistoryReader } from '../../src/store/history-reader.ts'
import type { Watcher } from '../../src/store/watch.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { type NaiveEvent, NaiveStore } from '../support/naive-store.ts'
import { anyPath, anyStep, type Step } from '../support/store-arbitraries.ts'
import { StoreRig } from '../support/store-rig.ts'

const EVENTS_MAX = 7
const MEMORY_EVENTS_MAX = 4

interface WatchStep {
  readonly kind: 'watch'
  readonly path: string
  readonly recursive: boolean
  readonly stream: boolean
  /** How far before (or, negative, behind) the present it looks; undefined: not at all. */
  readonly back: number | undefined
}

type WorldStep = Step | WatchStep | { readonly kind: 'drain' } | { readonly kind: 'cancel'; readonly which: number }

interface Watched extends WatchStep {
  readonly since: number
  /** Store index at registration. */
  readonly from: number
  readonly seen: number[]
  readonly watcher: Watcher | undefined
  readonly kindOfAnswer: string
  cancelledAt: number
}

const watchStep: fc.Arbitrary<WorldStep> = fc.record({
  kind: fc.constant('watch' as const),
  path: anyPath,
  recursive: fc.boolean(),
  stream: fc.boolean(),
  back: fc.option(fc.integer({ min: -2, max: 11 }), { nil: undefined, freq: 4 }),
})

const worldStep: fc.Arbitrary<WorldStep> = fc.oneof(
  { weight: 10, arbitrary: anyStep.map((step): WorldStep => step) },
  { weight: 4, arbitrary: watchStep },
  { weight: 2, arbitrary: fc.constant<WorldStep>({ kind: 'drain' }) },
  { weight: 1, arbitrary: fc.nat({ max: 20 }).map((which): WorldStep => ({ kind: 'cancel', which })) },
)

/** The rules again, on the model's events. */
function matchesLive(watch: WatchStep, { event, removed }: NaiveEvent): boolean {
  const key = event.node.key
  if (key === watch.path || removed.includes(watch.path)) return true
  return watch.recursive && isUnder(watch.path, key) && !hides(watch.path, key)
}

function matchesPast(watch: WatchStep, { event }: NaiveEvent): boolean {
  const key = event.node.key
  if (key === watch.path) return true
  if (watch.recursive && isUnder(watch.path, key)) return !hides(watch.path, key)
  return ['delete', 'expire'].includes(event.action) && event.node.dir && isUnder(key, watch.path)
}

function isUnder(directory: string, key: string): boolean {
  return key !== directory && key.startsWith(directory === '/' ? '/' : `${directory}/`)
}

function hides(directory: string, key: string): boolean {
  return key.slice(directory === '/' ? 0 : directory.length).includes('/_')
}

function clearedTo(events: readonly NaiveEvent[], at: number): number {
  const past = events.filter(({ event }) => event.index <= at)
  return past.length <= EVENTS_MAX ? 0 : (past[past.length - EVENTS_MAX - 1] as NaiveEvent).event.index
}

function expected(watch: Watched, events: readonly NaiveEvent[]): number[] {
  const past = watch.since > 0 && watch.since <= watch.from
  const seen = events
    .filter(({ event }) => event.index <= watch.cancelledAt && event.index >= watch.since)
    .filter((happened) => {
      if (happened.event.index > watch.from) return matchesLive(watch, happened)
      return past && matchesPast(watch, happened)
    })
    .map(({ event }) => event.index)
  return watch.stream ? seen : seen.slice(0, 1)
}

class World {
  readonly disk = new FakeDisk()
  readonly rig = new StoreRig({
    history: {
      eventsMax: EVENTS_MAX,
      eventsBytesMax: 1e9,
      memoryEventsMax: MEMORY_EVENTS_MAX,
      memoryBytesMax: 1e9,
    },
    historyReader: diskHistoryReader(this.disk),
  })
  readonly naive = new NaiveStore()
  readonly watches: Watched[] = []

  async run(step: WorldStep): Promise<void> {
    switch (step.kind) {
      case 'command':
        this.rig.apply(step.command)
        this.naive.apply(step.command)
        return
      case 'expire':
      case 'wait':
        this.naive.clock += step.elapsedMs
        this.rig.clockMs = this.naive.clock
        if (step.kind === 'wait') return
        this.rig.expireAt(this.naive.clock)
        this.naive.expire()
        return
      case 'drain':
        this.disk.writeSync(this.rig.store.drainRows(), false)
        return
      case 'cancel': {
        const watch = this.watches[step.which]
        if (watch === undefined || watch.cancelledAt !== Number.POSITIVE_INFINITY) return
        watch.watcher?.cancel()
        watch.cancelledAt = this.naive.index
        return
      }
      case 'watch':
        this.watch(step)
        await settled()
    }
  }

  watch(step: WatchStep): void {
    const from = this.naive.index
    const since = step.back === undefined ? 0 : Math.max(0, from - step.back)
    const seen: number[] = []
    const answer = this.rig.store.watchers.watch({
      ...step,
      since,
      deliver: (event) => {
        seen.push(event.index)
        return true
      },
      closed: (reason) => expect.fail(`closed: ${reason}`),
    })
    if (answer.kind === 'found') seen.push(answer.event.index)
    const watcher = answer.kind === 'registered' ? answer.watcher : undefined
    const cancelledAt = Number.POSITIVE_INFINITY
    this.watches.push({ ...step, since, from, seen, watcher, kindOfAnswer: answer.kind, cancelledAt })
  }

  check(): void {
    const { events } = this.naive
    for (const watch of this.watches) {
      const cleared = watch.since > 0 && watch.since <= watch.from && watch.since <= clearedTo(events, watch.from)
      expect(watch.kindOfAnswer === 'cleared', JSON.stringify(watch)).toBe(cleared)
      expect(watch.seen, JSON.stringify(watch)).toEqual(cleared ? [] : expected(watch, events))
    }
  }
}

/** Catching up is over: every read of the fake disk is a few microtasks, and every piece of the history one pass. */
async function settled(): Promise<void> {
  for (let pass = 0; pass < EVENTS_MAX; pass += 1) await nextTurn()
}

test('every watcher sees every matching event once, in order, live and from memory and from disk', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(worldStep, { maxLength: 70, size: 'max' }), async (steps) => {
      const world = new World()
      for (const step of steps) await world.run(step)
      await settled()
      world.check()
    }),
    { numRuns: 250 },
  )
})
