/** What `muster import` says of a run that failed. */
import { expect, test } from 'vitest'
import { leftBehind } from '../../bin/muster/import.ts'
import { newCounts } from '../../src/transfer/progress.ts'

test.each([
  [{}, /^Nothing was written\.$/],
  [{ read: 5, equal: 5, compared: 5 }, /^Nothing was written\.$/],
  [{ advanced: 1 }, /^No key was written, but the target's index was taken further\. Run .* again/],
  [{ advanced: 1, written: 1 }, /^What was copied stays\. Run .* again/],
  [{ events: 1 }, /^What was copied stays\./],
])('after %j', (counts, said) => {
  expect(leftBehind({ ...newCounts(), ...counts })).toMatch(said)
})
