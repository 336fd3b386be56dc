/** Where users are on, locks and elections need no right but the one to the directory beside their path. */
import { expect, test } from 'vitest'
import { errorOf } from '../../support/odd-server.ts'
import { startWithUsersOn } from '../../support/users-on.ts'

test('a user of one directory locks and leads in it', async () => {
  const { as } = await startWithUsersOn(['/jobs/*'])
  const client = as('al:a')
  {
    await using lock = await client.lock('/jobs/nightly')
    expect(lock.signal.aborted).toBe(false)
  }
  expect(await client.election('/jobs/scheduler').lead('al', ({ fence }) => fence)).toBeGreaterThan(0)
  expect(await as('root:r').peek('/jobs/_lock-nightly')).toBeUndefined()
  expect(await errorOf(client.lock('/other/nightly'))).toMatchObject({ code: 110 })
  expect(await errorOf(client.session())).toMatchObject({ code: 110 })
})

test('a session needs the right to its own key, and the narrowest rights that the page names are enough', async () => {
  const { as } = await startWithUsersOn(['/jobs/_lock-nightly*', '/_sessions/*'])
  await using session = await as('al:a').session()
  await using lock = await as('al:a').lock('/jobs/nightly', { session })
  expect(lock.signal.aborted).toBe(false)
})
