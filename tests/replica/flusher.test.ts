/** When rows of what was applied are due. */
import { expect, test } from 'vitest'
import { Flusher } from '../../src/replica/flusher.ts'
import { makeEntry } from './builders.ts'

const CALM = { undrainedEvents: 0, sweeping: false }

test('rows are due after so many entries, bytes or events, or while something is swept', () => {
  const flusher = new Flusher({ unflushedEntriesMax: 3, unflushedBytesMax: 100 })
  expect(flusher.isDueAfter([makeEntry(1, 1), makeEntry(2, 1)], CALM)).toBe(false)
  expect(flusher.isDueAfter([makeEntry(3, 1)], CALM)).toBe(true)
  flusher.begin()
  expect(flusher.isDueAfter([], CALM)).toBe(false)
  expect(flusher.isDueAfter([makeEntry(4, 1, { data: new Uint8Array(100) })], CALM)).toBe(true)
  flusher.begin()
  expect(flusher.isDueAfter([], { undrainedEvents: 3, sweeping: false })).toBe(true)
  expect(flusher.isDueAfter([], { undrainedEvents: 0, sweeping: true })).toBe(true)
})

test('whoever asks hears when the disk has the flush that began after, not one that was under way', () => {
  const flusher = new Flusher({ unflushedEntriesMax: 3, unflushedBytesMax: 100 })
  const heard: string[] = []
  flusher.request(() => heard.push('first'))
  expect([flusher.isAsked, flusher.isUnderWay]).toEqual([true, false])
  flusher.begin()
  expect([flusher.isAsked, flusher.isUnderWay]).toEqual([false, true])
  flusher.request(() => heard.push('second'))
  flusher.written()
  expect(heard).toEqual(['first'])
  flusher.begin()
  flusher.written()
  expect(heard).toEqual(['first', 'second'])
})
