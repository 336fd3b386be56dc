/** Making a change: true state, one hash, again when somebody else was faster. */
import { expect, test } from 'vitest'
import { type Ended, makeChange } from '../../src/auth/administration.ts'
import { decideUserDelete, decideUserPut } from '../../src/auth/users.ts'
import type { AuthCommand } from '../../src/store/command.ts'
import { AuthRig, userInput } from '../support/auth-rig.ts'

/** A member of one whose writes wait until `settle`. */
function makeRig() {
  const auth = new AuthRig()
  const waiting: (() => void)[] = []
  const ends: string[] = []
  const sent: AuthCommand[] = []
  const member = {
    refusal: undefined as object | undefined,
    condition: undefined as string | undefined,
    quorumRead: (done: (refusal: object | undefined) => void) => done(member.refusal),
    write: (command: AuthCommand, done: (answer: { ok: boolean; condition?: string }) => void) => {
      sent.push(command)
      waiting.push(() => {
        if (member.condition !== undefined) done({ ok: false, condition: member.condition })
        else done({ ok: auth.rig.apply(command)?.ok === true })
      })
    },
  }
  const end = (ended: Ended) => {
    ends.push(
      typeof ended === 'string'
        ? ended
        : ended.kind === 'change'
          ? `${ended.status}`
          : `${ended.status} ${ended.message}`,
    )
  }
  return {
    auth,
    member,
    sent,
    ends,
    grant: (...grant: string[]) => {
      const decide = () => decideUserPut(auth.records, 'a', userInput('a', { grant }), '')
      makeChange(auth.records, member, { decide, hash: undefined }, end)
    },
    password: (hash: (done: (made: string | undefined) => void) => void) => {
      const decide = (made: string) => decideUserPut(auth.records, 'a', userInput('a', { password: 'p' }), made)
      makeChange(auth.records, member, { decide, hash }, end)
    },
    remove: () => {
      makeChange(auth.records, member, { decide: () => decideUserDelete(auth.records, 'a'), hash: undefined }, end)
    },
    settle: () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next()
    },
  }
}

test('of changes that are made at the same time none is lost', () => {
  const { auth, ends, grant, settle } = makeRig()
  auth.user('a', [])
  for (const role of ['r', 's', 't', 'u']) grant(role)
  settle()
  expect(auth.records.user('a')?.roles).toEqual(['r', 's', 't', 'u'])
  expect(ends).toEqual(['200', '200', '200', '200'])
})

test('of two equal grants at the same time one is told that it came second', () => {
  const { auth, ends, grant, settle } = makeRig()
  auth.user('a', [])
  grant('r')
  grant('r')
  settle()
  expect(ends).toEqual(['200', '409 auth: Granting duplicate role r for user a'])
})

test('who is overtaken again and again gives up', () => {
  const { auth, ends, sent, grant, member } = makeRig()
  auth.user('a', [])
  member.write = (command, done) => {
    sent.push(command)
    done({ ok: false })
  }
  grant('r')
  expect([ends, sent.length]).toEqual([['failed'], 16])
})

test('nothing is decided before this member knows what the others know', () => {
  const { ends, sent, member, remove } = makeRig()
  member.refusal = {}
  remove()
  expect([ends, sent]).toEqual([['failed'], []])
})

test('a write that the world got in the way of is not tried again', () => {
  const { auth, ends, sent, grant, member, settle } = makeRig()
  auth.user('a', [])
  member.condition = 'MUSTER_TIMEOUT'
  grant('r')
  settle()
  expect([ends, sent.length]).toEqual([['failed'], 1])
})

test('a password is hashed only for a change, and once however often it is decided', () => {
  const { auth, ends, password, grant, settle } = makeRig()
  let hashed = 0
  const hash = (done: (made: string | undefined) => void) => {
    hashed += 1
    grant(`r${hashed}`)
    done('made')
  }
  auth.user('a', [])
  password(hash)
  settle()
  expect([hashed, auth.records.user('a')]).toEqual([1, { user: 'a', hash: 'made', roles: ['r1'] }])
  expect(ends).toEqual(['200', '200'])
})

test('a password that cannot be hashed now is no change', () => {
  const { ends, sent, password } = makeRig()
  password((done) => done(undefined))
  expect([ends, sent]).toEqual([['busy'], []])
})

test('asking to delete nobody lays the ground, the first time', () => {
  const { auth, ends, remove, settle } = makeRig()
  remove()
  settle()
  expect([auth.rig.store.storeIndex, ends]).toEqual([4, ['404 auth: User a does not exist']])
  remove()
  settle()
  expect([auth.rig.store.storeIndex, ends.length]).toEqual([4, 2])
})
