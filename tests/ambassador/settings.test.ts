/** Words that make doors, and those that do not. */
import { describe, expect, test } from 'vitest'
import { parseDoors, parseListen, settleServing } from '../../src/ambassador/settings.ts'

const BAD = expect.objectContaining({ code: 'MUSTER_AMBASSADOR_BAD_SETTINGS' })

describe('addresses', () => {
  test('a port alone is one of this machine; others are named', () => {
    expect(parseListen(':5432')).toEqual({ host: '127.0.0.1', port: 5432 })
    expect(parseListen('0')).toEqual({ host: '127.0.0.1', port: 0 })
    expect(parseListen('0.0.0.0:80')).toEqual({ host: '0.0.0.0', port: 80 })
    expect(parseListen('[::1]:80')).toEqual({ host: '::1', port: 80 })
  })

  test.each(['', 'x', '1.2.3.4', 'a:b', ':65536', '::1:80', '[::1]', 'a b:80', 'a:80/x'])('%j is none', (text) => {
    expect(() => parseListen(text)).toThrow(BAD)
  })
})

describe('doors', () => {
  test('are read from NAME=ADDRESS', () => {
    expect(parseDoors(['web=:80', 'db=10.0.0.1:5432'], {})).toEqual([
      { service: 'web', listen: { host: '127.0.0.1', port: 80 } },
      { service: 'db', listen: { host: '10.0.0.1', port: 5432 } },
    ])
  })

  test('are refused without an address, without a name, by names that are hidden, by none and by too many', () => {
    for (const words of [['web'], ['=:80'], [], Array.from({ length: 101 }, (_, at) => `s${at}=:0`)]) {
      expect(() => parseDoors(words, {})).toThrow(BAD)
    }
    expect(() => parseDoors(['_meta=:80'], {})).toThrow(
      expect.objectContaining({ code: 'MUSTER_REGISTER_BAD_INSTANCE' }),
    )
  })
})

test('times and bounds have defaults, and those that make no sense are refused', () => {
  expect(settleServing({})).toEqual({
    balance: 'round-robin',
    connectMs: 2_000,
    waitMs: 3_000,
    drainMs: 60_000,
    restMsMax: 10_000,
    connectionsMax: 4_096,
  })
  for (const options of [
    { connectMs: 0 },
    { waitMs: -1 },
    { drainMs: 1e12 },
    { connectionsMax: 0 },
    { restMsMax: 0.5 },
  ]) {
    expect(() => settleServing(options)).toThrow(BAD)
  }
})
