/** What a failure to connect means. */
import { expect, test } from 'vitest'
import { connectError } from '../../src/peer/dial.ts'

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

test.each([
  ['one address that refused', failure('ECONNREFUSED'), 'MUSTER_PEER_REFUSED'],
  [
    'all addresses refused',
    new AggregateError([failure('ECONNREFUSED'), failure('ECONNREFUSED')]),
    'MUSTER_PEER_REFUSED',
  ],
  [
    'one of two addresses refused',
    new AggregateError([failure('ECONNREFUSED'), failure('EHOSTUNREACH')]),
    'MUSTER_PEER_UNREACHABLE',
  ],
  ['a reset', failure('ECONNRESET'), 'MUSTER_PEER_UNREACHABLE'],
  ['a name that is not known', failure('ENOTFOUND'), 'MUSTER_PEER_UNREACHABLE'],
])('%s', (_what, error, code) => {
  expect(connectError('http://x:1', error, undefined)).toMatchObject({ code, cause: error })
})
