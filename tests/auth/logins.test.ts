/** From a header to a user: hashed once, remembered while it holds. */
import { describe, expect, test } from 'vitest'
import { LOGIN_LIMITS, type Login, type LoginLimits, Logins } from '../../src/auth/logins.ts'
import { DECOY_HASH } from '../../src/auth/password.ts'
import { AuthRig } from '../support/auth-rig.ts'

const header = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** Logins whose checks wait until `settle`; a password is right when the hash is `hash of PASSWORD`. */
function makeRig(limits: Partial<LoginLimits> = {}) {
  const auth = new AuthRig()
  const checks: { readonly hash: string; readonly settle: () => void }[] = []
  const logins = new Logins(auth.records, { ...LOGIN_LIMITS, ...limits }, (password, hash, done) => {
    checks.push({ hash, settle: () => done(hash === `hash of ${password}`) })
  })
  const answers: (string | undefined)[] = []
  return {
    auth,
    logins,
    answers,
    /** Hashes compared with since last asked. */
    settle: () => {
      const all: string[] = []
      for (let check = checks.shift(); check !== undefined; check = checks.shift()) {
        all.push(check.hash)
        check.settle()
      }
      return all
    },
    checks,
    find: (text: string, address = 'x', isGone = () => false) => {
      const at = answers.push(undefined) - 1
      logins.find(text, address, isGone, (login: Login) => {
        answers[at] = typeof login === 'string' ? login : login.user
      })
    },
  }
}

test('a right password is hashed once and then remembered', () => {
  const { auth, answers, settle, find } = makeRig()
  auth.user('al')
  find(header('al', 'al'))
  expect(answers).toEqual([undefined])
  expect(settle()).toEqual(['hash of al'])
  find(header('al', 'al'))
  expect(answers).toEqual(['al', 'al'])
  expect(settle()).toEqual([])
})

test('a wrong password is hashed each time, and an unknown user costs as much', () => {
  const { auth, answers, settle, find } = makeRig()
  auth.user('al')
  for (const text of [header('al', 'no'), header('al', 'no'), header('nobody', 'x')]) {
    find(text)
    expect(settle()).toHaveLength(1)
  }
  find(header('nobody', 'x'))
  expect(settle()).toEqual([DECOY_HASH])
  expect(answers).toEqual(['wrong', 'wrong', 'wrong', 'wrong'])
})

test('what is no login is refused without hashing', () => {
  const { answers, checks, find } = makeRig()
  for (const text of ['Bearer x', 'Basic !', `Basic ${Buffer.from('no colon').toString('base64')}`]) find(text)
  expect([answers, checks]).toEqual([['wrong', 'wrong', 'wrong'], []])
})

describe('what is remembered', () => {
  test('ends with the password', () => {
    const { auth, answers, settle, find } = makeRig()
    auth.user('al')
    find(header('al', 'al'))
    settle()
    auth.user('al', [], 'hash of new')
    find(header('al', 'al'))
    expect(settle()).toEqual(['hash of new'])
    find(header('al', 'new'))
    settle()
    expect(answers).toEqual(['al', 'wrong', 'al'])
  })

  test('ends with the user', () => {
    const { auth, answers, settle, find } = makeRig()
    auth.user('al')
    find(header('al', 'al'))
    settle()
    auth.put({ key: 'users/al', value: undefined })
    find(header('al', 'al'))
    expect(settle()).toEqual([DECOY_HASH])
    expect(answers).toEqual(['al', 'wrong'])
  })

  test('outlives a change of roles, and shows the new ones', () => {
    const { auth, logins, settle, find, checks } = makeRig()
    auth.user('al')
    find(header('al', 'al'))
    settle()
    auth.user('al', ['r'])
    const seen: unknown[] = []
    logins.find(
      header('al', 'al'),
      'x',
      () => false,
      (login) => seen.push(login),
    )
    expect([seen, checks]).toEqual([[{ user: 'al', hash: 'hash of al', roles: ['r'] }], []])
  })

  test('is one login, however its header is spelled', () => {
    const { auth, logins, answers, settle, find } = makeRig()
    auth.user('ab')
    const text = header('ab', 'ab')
    find(text)
    settle()
    // The last digit before the padding has two bits that say nothing.
    const spellings = [text.replace('Basic', 'bAsIc'), text.replace(/.==?$/, (end) => end.replace('I', 'J'))]
    for (const spelling of ['BASIC', 'basic']) spellings.push(text.replace('Basic', spelling))
    for (const spelling of spellings) find(spelling)
    expect(settle()).toEqual([])
    expect([answers, logins.rememberedCount]).toEqual([Array(5).fill('ab'), 1])
  })

  test('tells a colon in the password from the one behind the name', () => {
    const { auth, answers, settle, find } = makeRig()
    auth.user('a', [], 'hash of b:c')
    find(header('a', 'b:c'))
    settle()
    find(`Basic ${Buffer.from('a:b:d').toString('base64')}`)
    expect(settle()).toEqual(['hash of b:c'])
    expect(answers).toEqual(['a', 'wrong'])
  })

  test('is bounded: the oldest is forgotten', () => {
    const { auth, logins, settle, find } = makeRig({ rememberedMax: 2 })
    for (const name of ['a', 'b', 'c']) {
      auth.user(name)
      find(header(name, name))
      settle()
    }
    expect(logins.rememberedCount).toBe(2)
    find(header('c', 'c'))
    find(header('b', 'b'))
    expect(settle()).toEqual([])
    find(header('a', 'a'))
    expect(settle()).toEqual(['hash of a'])
  })
})

describe('while a login is checked', () => {
  test('more requests with the same one from the same address wait for that check', () => {
    const { auth, answers, settle, find } = makeRig()
    auth.user('al')
    for (let count = 0; count < 64; count += 1) find(header('al', 'al'))
    expect(settle()).toEqual(['hash of al'])
    expect(answers).toEqual(new Array(64).fill('al'))
  })

  test('others of the same address wait their turn, and another address does not wait for them', () => {
    const { auth, answers, checks, settle, find } = makeRig()
    auth.user('al')
    for (const guess of ['1', '2', '3']) find(header('al', guess), 'evil')
    find(header('al', 'al'), 'good')
    expect(checks).toHaveLength(2)
    checks.splice(1, 1)[0]?.settle()
    expect(answers).toEqual([undefined, undefined, undefined, 'al'])
    settle()
    expect(answers).toEqual(['wrong', 'wrong', 'wrong', 'al'])
  })

  test('a password that changes meanwhile is checked again against the new one', () => {
    const { auth, answers, settle, find } = makeRig()
    auth.user('al', [], 'hash of old')
    find(header('al', 'new'))
    auth.user('al', [], 'hash of new')
    expect(settle()).toEqual(['hash of old', 'hash of new'])
    expect(answers).toEqual(['al'])
  })

  test('a user that goes meanwhile is nobody', () => {
    const { auth, answers, settle, find } = makeRig()
    auth.user('al')
    find(header('al', 'al'))
    auth.put({ key: 'users/al', value: undefined })
    settle()
    expect(answers).toEqual(['wrong'])
  })

  test('clients that go are not answered, and what nobody waits for is not hashed', async () => {
    const { auth, answers, checks, settle, find } = makeRig()
    auth.user('al')
    find(header('al', 'x'), 'x')
    let gone = false
    find(header('al', 'al'), 'x', () => gone)
    find(header('al', 'y'), 'x')
    gone = true
    expect(settle()).toEqual(['hash of al'])
    await new Promise<void>((done) => setImmediate(done))
    expect(checks).toHaveLength(1)
    settle()
    expect(answers).toEqual(['wrong', undefined, 'wrong'])
  })
})

describe('when too many wait', () => {
  test('one more of an address is refused at once, and others are not', () => {
    const { answers, find, settle } = makeRig({ waitingPerAddressMax: 2 })
    for (const guess of ['1', '2', '3', '4']) find(header('al', guess), 'evil')
    expect(answers).toEqual([undefined, undefined, undefined, 'busy'])
    find(header('al', '5'), 'good')
    settle()
    expect(answers).toEqual(['wrong', 'wrong', 'wrong', 'busy', 'wrong'])
  })

  test('one more request of any is refused, also for a login that is being checked', () => {
    const { answers, find, settle } = makeRig({ requestsMax: 2 })
    for (let count = 0; count < 3; count += 1) find(header('al', 'x'))
    expect(answers).toEqual([undefined, undefined, 'busy'])
    settle()
    find(header('al', 'x'))
    settle()
    expect(answers).toEqual(['wrong', 'wrong', 'busy', 'wrong'])
  })

  test('one more request of an address is refused, and others are not', () => {
    const { answers, find, settle } = makeRig({ requestsPerAddressMax: 2 })
    for (let count = 0; count < 3; count += 1) find(header('al', 'x'), 'evil')
    find(header('al', 'x'), 'good')
    expect(answers).toEqual([undefined, undefined, 'busy', undefined])
    settle()
    for (let count = 0; count < 2; count += 1) find(header('al', 'x'), 'evil')
    expect(answers.slice(4)).toEqual([undefined, undefined])
  })

  test('one of whom nothing waits takes a place of whoever has most', () => {
    const { answers, find, settle } = makeRig({ runningMax: 1, waitingMax: 3 })
    for (const guess of ['1', '2', '3', '4', '5']) find(header('al', guess), 'evil')
    find(header('al', 'right'), 'good')
    expect(answers).toEqual([undefined, undefined, undefined, 'busy', 'busy', undefined])
    settle()
    expect(answers).toEqual(['wrong', 'wrong', 'wrong', 'busy', 'busy', 'wrong'])
  })

  test('addresses of one IPv6 network are one client', () => {
    const { answers, find } = makeRig({ requestsPerAddressMax: 1 })
    find(header('al', '1'), '2001:db8::1')
    find(header('al', '2'), '2001:db8:0:0:ffff::2')
    find(header('al', '3'), '2001:db8:0:1::1')
    find(header('al', '4'), '::ffff:10.0.0.1')
    find(header('al', '5'), '::ffff:10.0.0.2')
    expect(answers).toEqual([undefined, 'busy', undefined, undefined, undefined])
  })

  test('a new password is refused too', () => {
    const { find, logins } = makeRig({ waitingPerAddressMax: 0 })
    find(header('al', '1'))
    const made: (string | undefined)[] = []
    logins.hash('p', 'x', (hash) => made.push(hash))
    expect(made).toEqual([undefined])
  })
})
