/** Whether a server still has the history that a watch follows. */
import { expect, test } from 'vitest'
import { ClientError } from '../../src/client/errors.ts'
import { WatchedHistory } from '../../src/client/history.ts'
import type { Http } from '../../src/client/http.ts'

const POLLED = { index: 48, event: undefined, closed: false, clusterId: 'one' }

/** A cluster that gives one answer to the question whether a server lags. */
function cluster(answer: () => { readonly index: number; readonly clusterId: string }): Http {
  return { ask: async () => answer() } as unknown as Http
}

function failing(retriable: boolean): Http {
  return cluster(() => {
    throw new ClientError('MUSTER_CLIENT_BAD_ANSWER', 'no', { definite: true, retriable })
  })
}

test.each([
  ['the same where a majority is as far as what is known', { index: 50, clusterId: 'one' }, 'lags'],
  ['gone where a majority is not', { index: 49, clusterId: 'one' }, 'gone'],
  ['gone where another cluster answers', { index: 90, clusterId: 'other' }, 'gone'],
  ['the same where the answer tells nothing', { index: 0, clusterId: '' }, 'lags'],
])('of a server that is behind the history is %s', async (_, answer, kind) => {
  const history = new WatchedHistory({ index: 50, clusterId: 'one' })
  expect(
    await history.judge(
      POLLED,
      cluster(() => answer),
      '/a',
      undefined,
    ),
  ).toMatchObject({ kind })
})

test('who may not ask waits on; who finds no majority asks again', async () => {
  const history = new WatchedHistory({ index: 50, clusterId: 'one' })
  expect(await history.judge(POLLED, failing(false), '/a', undefined)).toEqual({ kind: 'lags' })
  await expect(history.judge(POLLED, failing(true), '/a', undefined)).rejects.toThrow(ClientError)
})

test('nobody is asked where nothing is missing', async () => {
  const history = new WatchedHistory({ index: 48, clusterId: 'one' })
  expect(await history.judge(POLLED, failing(true), '/a', undefined)).toEqual({ kind: 'same' })
  expect(await history.judge({ ...POLLED, index: 0 }, failing(true), '/a', undefined)).toEqual({ kind: 'same' })
})
