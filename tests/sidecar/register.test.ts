/** What a program registers ends with its client, and never waits in silence for what waiting does not cure. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/entry/client.ts'
import { Child, NODE, ROOT } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { errorOf, startOdd, startRig } from '../support/odd-server.ts'
import { deadPort } from '../support/tcp-proxy.ts'
import { startWithUsersOn } from '../support/users-on.ts'

const SERVICE = { name: 'web', id: 'a', port: 80, host: '10.0.0.5' } as const

function registering(url: string): MusterClient {
  const client = new MusterClient({ endpoints: [url] })
  onTestFinished(() => client.close())
  return client
}

describe('a client that is closed', () => {
  test.each(['announced', 'waiting for a server'])(
    'lets a program end that has a service %s',
    { timeout: 60_000 },
    async (state) => {
      const { url } = await startRig()
      const dead = `http://127.0.0.1:${await deadPort()}`
      const program = `
        import { MusterClient } from ${JSON.stringify(`${ROOT}/src/entry/client.ts`)}
        const isWaiting = ${state !== 'announced'}
        {
          await using client = new MusterClient({ endpoints: [isWaiting ? '${dead}' : '${url}'] })
          const check = 'cmd:true'
          const registering = client.register({ name: 'web', port: 80, host: '10.0.0.5', check })
          if (isWaiting) registering.catch((error) => console.log(error.code))
          else await registering
        }
        console.log('closed')
      `
      const child = new Child(NODE, ['--input-type=module', '-e', program])
      onTestFinished(() => void child.kill('SIGKILL'))
      expect(await child.exited).toEqual({ code: 0, signal: null })
      expect(child.stderr).toBe('')
      expect(child.stdout).toContain('closed\n')
      expect(child.stdout.includes('MUSTER_CLIENT_CLOSED')).toBe(state !== 'announced')
    },
  )

  test('leaves the announcement to its TTL, and whoever waits for it is told', async () => {
    const { url, client: looking } = await startRig()
    const client = registering(url)
    const registered = await client.register(SERVICE)
    await client.close()
    expect(await errorOf(registered.drain())).toMatchObject({ code: 'MUSTER_CLIENT_CLOSED', retriable: false })
    expect(await registered.close()).toBe(false)
    expect((await looking.get('/services/web/a')).value).toBe('10.0.0.5:80')
  })
})

describe('registering', () => {
  test('rejects with the refusal when the login is wrong or the right to write is missing', async () => {
    const { as } = await startWithUsersOn(['/jobs/*'])
    for (const auth of ['al:wrong', 'al:a']) {
      expect(await errorOf(as(auth).register(SERVICE))).toMatchObject({ code: 110, name: 'ApiError' })
    }
  })

  test('waits through the refusal of a server that cannot answer now', async () => {
    const odd = await startOdd((_request, response) => response.writeHead(503).end())
    const over = new AbortController()
    const waiting = errorOf(registering(odd.url).register({ ...SERVICE, signal: over.signal }))
    await eventually('several tries', () => odd.asked.length >= 4)
    over.abort(new Error('enough'))
    expect((await waiting).message).toBe('enough')
  })
})

test('a drain that is not waited for any longer is done once a server answers', async () => {
  const { url, client: looking } = await startRig()
  const registered = await registering(url).register(SERVICE)
  onTestFinished(async () => void (await registered.close()))
  const reason = new Error('enough')
  expect(await errorOf(registered.drain({ signal: AbortSignal.abort(reason) }))).toBe(reason)
  await eventually('the address to be gone', async () => (await looking.peek('/services/web/a')) === undefined)
  expect(registered.status.status).toBe('draining')
})
