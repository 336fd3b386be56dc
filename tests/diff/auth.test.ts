/** Random sequences with users, roles and auth are answered alike. One for every fifty of the others: bcrypt is slow. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anyAuthSequence, forgetUsers } from './auth-sequences.ts'
import { Uses } from './explained.ts'
import { findDifference, searchFromEnvironment } from './find.ts'
import { Pair, whyNoEtcd } from './pair.ts'

/** Milliseconds; some 700 are needed on a busy machine. */
const MS_PER_SEQUENCE = 3_000
const TIMEOUT_MS_MIN = 600_000

const missing = whyNoEtcd()
const search = searchFromEnvironment(1 / 50)
const timeout = Math.max(TIMEOUT_MS_MIN, search.sequences * MS_PER_SEQUENCE)

describe.skipIf(missing !== undefined)(
  `users and roles${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let pair: Pair

    beforeAll(async () => {
      pair = await Pair.start()
      // The first change of all takes more indexes than others do.
      for (const side of [pair.etcd, pair.muster]) {
        const body = '{"user":"u1","password":"p"}'
        await side.ask(`PUT /v2/auth/users/u1 HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      }
    })

    afterAll(() => pair.end())

    test('are handled by etcd and muster alike', { timeout }, async () => {
      const uses = new Uses()
      const prepare = async (): Promise<void> => {
        await Promise.all([forgetUsers(pair.etcd), forgetUsers(pair.muster)])
      }
      const found = await findDifference(pair, anyAuthSequence, { ...search, prepare }, uses)
      console.log(
        `${found.sequences} sequences, ${found.steps} steps, DIFF_SEED=${search.seed}\nexplained:\n${uses}\n` +
          `not seen again: ${found.unsteady.length}\n${found.unsteady.join('\n')}`,
      )
      expect(found.difference).toBeUndefined()
      expect(found.unsteady).toEqual([])
    })
  },
)
