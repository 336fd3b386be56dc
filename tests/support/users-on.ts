/**
 * An embedded member with users on, and a user who may touch a part of the tree only.
 *
 * Owns: making the users and turning auth on. Asserts nothing.
 */
import { onTestFinished } from 'vitest'
import { MusterClient } from '../../src/entry/client.ts'
import { startServer } from '../../src/entry/server.ts'

/** A member that turns away whoever is nobody; it ends with the test. */
export interface UsersOn {
  readonly url: string
  /** A client that logs in as `USER:PASSWORD`; it is closed with the test. The users are `root:r` and `al:a`. */
  as(auth: string): MusterClient
}

/** Starts one. @param patterns what the user `al` may read and write. */
export async function startWithUsersOn(patterns: readonly string[]): Promise<UsersOn> {
  const server = await startServer()
  onTestFinished(() => server.stop())
  const as = (auth: string): MusterClient => {
    const client = new MusterClient({ endpoints: [server.url], auth })
    onTestFinished(() => client.close())
    return client
  }
  const root = as('root:r')
  const put = async (target: string, body?: object): Promise<void> => {
    const { status, text } = await root.request('PUT', `/v2/auth/${target}`, body === undefined ? {} : { body })
    if (status >= 300) throw new Error(`${target} answered ${status}: ${text}`)
  }
  await put('users/root', { user: 'root', password: 'r' })
  await put('roles/part', { role: 'part', permissions: { kv: { read: patterns, write: patterns } } })
  await put('users/al', { user: 'al', password: 'a', roles: ['part'] })
  await put('enable')
  await root.request('DELETE', '/v2/auth/roles/guest')
  return { url: server.url, as }
}
