/** A health check finds the member that was started with the same environment. */
import { expect, test } from 'vitest'
import { ownClientUrl } from '../../src/config/own-url.ts'

test.each([
  [undefined, 'http://127.0.0.1:2379'],
  ['http://0.0.0.0:2379', 'http://127.0.0.1:2379'],
  ['http://[::]:4001', 'http://[::1]:4001'],
  ['http://10.0.0.1:80,http://127.0.0.1:2379', 'http://10.0.0.1:80'],
  ['http://[fe80::1]:80', 'http://[fe80::1]:80'],
])('a member that listens at %s is asked at %s', (listen, url) => {
  expect(ownClientUrl({ MUSTER_LISTEN_CLIENT_URLS: listen })).toBe(url)
  expect(ownClientUrl({ ETCD_LISTEN_CLIENT_URLS: listen })).toBe(url)
})

test('a bad value is refused with a sentence', () => {
  expect(() => ownClientUrl({ MUSTER_LISTEN_CLIENT_URLS: 'x' })).toThrow('URL scheme must be http or https: x')
})
