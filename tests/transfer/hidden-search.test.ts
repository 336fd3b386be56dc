/** Searching the history for hidden keys: what is found while a busy source drops it, and what is said when not all of it was read. */
import { expect, test } from 'vitest'
import { ApiError } from '../../src/client/errors.ts'
import type { EventJson } from '../../src/client/node.ts'
import type { PollOptions } from '../../src/client/poll.ts'
import { HiddenPlaces } from '../../src/transfer/hidden.ts'
import { type HiddenSearchOptions, searchHidden } from '../../src/transfer/hidden-search.ts'
import { Patience } from '../../src/transfer/patience.ts'

/** A source at an index, with events from an oldest one on; `oldest` is asked each time the history is. */
function sourceOf(index: number, keyOf: (index: number) => string, oldest: (polls: number) => number) {
  let polls = 0
  const poll = async (_path: string, { waitIndex }: PollOptions) => {
    polls += 1
    const first = oldest(polls)
    if (waitIndex < first)
      throw new ApiError(400, 401, 'outdated', `the requested history has been cleared [${first}/${waitIndex}]`, index)
    const node = { key: keyOf(waitIndex), value: 'v', modifiedIndex: waitIndex, createdIndex: waitIndex }
    const event: EventJson | undefined = waitIndex > index ? undefined : { action: 'set', node }
    return { index, event, closed: false }
  }
  return { poll, position: async () => ({ index, clusterId: '' }) } as unknown as HiddenSearchOptions['source']
}

async function search(source: HiddenSearchOptions['source'], more: Partial<HiddenSearchOptions> = {}) {
  const { signal } = new AbortController()
  const notes: string[] = []
  const hidden = new HiddenPlaces([], '/')
  const report = { phase: () => undefined, note: (code: string, text: string) => void notes.push(`${code}: ${text}`) }
  const patience = new Patience('source', 500, signal, () => undefined)
  const next = await searchHidden({ source, path: '/', patience, hidden, report, signal, ...more })
  return { next, places: hidden.all, notes }
}

test('all that is left of the history is read', async () => {
  const source = sourceOf(
    40,
    (index) => (index % 20 === 0 ? `/d/_h${index}/k` : '/d/k'),
    () => 15,
  )
  const { next, places, notes } = await search(source)
  expect({ next, places }).toEqual({ next: 41, places: ['/d/_h20', '/d/_h40'] })
  expect(notes).toEqual([
    'hidden: hidden keys at /d/_h20, found in the history',
    'hidden: hidden keys at /d/_h40, found in the history',
  ])
})

test('what a busy source drops before it is read does not end the search, and is told', async () => {
  // Gone between the question for the oldest index and the first event that is read, twice.
  const source = sourceOf(
    40,
    (index) => (index === 40 ? '/_late' : '/k'),
    (polls) => (polls < 5 ? 10 + polls : 15),
  )
  const { next, places, notes } = await search(source)
  expect({ next, places }).toEqual({ next: 41, places: ['/_late'] })
  expect(notes.filter((note) => note.startsWith('hidden-bound: '))).toEqual([
    'hidden-bound: the history was not searched to its end, hidden keys may be missing (--hidden): the source dropped changes before they were read',
  ])
})

test('a history that takes too long is given up, and that is told', async () => {
  const { next, notes } = await search(
    sourceOf(
      40,
      () => '/k',
      () => 1,
    ),
    { searchMs: 0 },
  )
  expect(next).toBe(41)
  expect(notes).toEqual([
    'hidden-bound: the history was not searched to its end, hidden keys may be missing (--hidden): it took longer than 0 s',
  ])
})
