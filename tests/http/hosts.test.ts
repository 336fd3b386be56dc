/** `--host-whitelist`: under which names clients may ask. */
import { expect, onTestFinished, test } from 'vitest'
import { startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer } from '../support/raw-http.ts'

async function ask(port: number, host: string, target = '/v2/keys/') {
  return parseAnswer(await exchange(port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`))
}

test('only names of the list get answers, whatever the path and the port', async () => {
  const http = await startHttp({ hostWhitelist: ['a.example', '::1'] })
  onTestFinished(() => http.close())
  for (const host of ['a.example', 'a.example:2379', '[::1]:4001']) {
    expect((await ask(http.port, host)).status, host).toBe(200)
  }
  for (const [host, target] of [
    ['A.example', '/v2/keys/'],
    ['evil.example:2379', '/health'],
    ['a.example.', '/v2//keys'],
  ] as const) {
    const { status, headers, body } = await ask(http.port, host, target)
    expect(status, host).toBe(421)
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(body).toContain(JSON.stringify(host.replace(':2379', '')))
  }
})

test.each([[[]], [['*']], [['a.example', '*']]])('with the list %j any name gets answers', async (hostWhitelist) => {
  const http = await startHttp({ hostWhitelist })
  onTestFinished(() => http.close())
  expect((await ask(http.port, 'b.example')).status).toBe(200)
})
