/**
 * Turning auth on, for clients that have no calls for it: what an operator does once.
 *
 * Owns: the user root, and that guests are left with nothing.
 */
import { expect } from 'vitest'
import type { Served } from './setups.ts'

/** Who may do everything. */
export const ROOT = { username: 'root', password: 'rootpw' } as const

/** Makes the user root, turns auth on, and takes all rights from guests. */
export async function enableAuth({ urls }: Served): Promise<void> {
  const login = `Basic ${Buffer.from(`${ROOT.username}:${ROOT.password}`).toString('base64')}`
  const put = async (path: string, body: object): Promise<void> => {
    const headers = { 'Content-Type': 'application/json', Authorization: login }
    const response = await fetch(`${urls[0]}/v2/auth/${path}`, { method: 'PUT', headers, body: JSON.stringify(body) })
    expect(response.ok, await response.text()).toBe(true)
  }
  await put('users/root', { user: ROOT.username, password: ROOT.password })
  await put('enable', {})
  await put('roles/guest', { role: 'guest', revoke: { kv: { read: ['/*'], write: ['/*'] } } })
}
