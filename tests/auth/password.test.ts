/** Passwords and their hashes. */
import { scryptSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { checkPassword, DECOY_HASH, hashPassword } from '../../src/auth/password.ts'
import { putUser } from '../../src/auth/records.ts'

const hash = (password: string) =>
  new Promise<string>((done, failed) => {
    hashPassword(Buffer.from(password), (error, made) => (error === null ? done(made) : failed(error)))
  })
const check = (password: string, kept: string) =>
  new Promise<boolean>((done) => checkPassword(Buffer.from(password), kept, done))

test('a password matches its hash and no other does', async () => {
  const kept = await hash('secret')
  expect(kept).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect([await check('secret', kept), await check('Secret', kept), await check('', kept)]).toEqual([
    true,
    false,
    false,
  ])
})

test('two hashes of one password differ', async () => {
  expect(await hash('p')).not.toBe(await hash('p'))
})

test('a hash that an earlier release made with other parameters still counts', async () => {
  const salt = Buffer.from('0123456789abcdef')
  const key = scryptSync('old', salt, 20, { N: 1024, r: 4, p: 2 })
  const kept = `$scrypt$ln=10,r=4,p=2$${salt.toString('base64').replace(/=+$/, '')}$${key.toString('base64').replace(/=+$/, '')}`
  expect([await check('old', kept), await check('new', kept)]).toEqual([true, false])
})

test.each([
  '',
  'plain',
  '$2a$10$abcdefghijklmnopqrstuv',
  '$scrypt$ln=15,r=8,p=1$$',
  '$scrypt$ln=0,r=8,p=1$AAAA$AAAA',
  '$scrypt$ln=40,r=99,p=99$AAAA$AAAA',
])('nothing matches %j, and nothing breaks', async (kept) => {
  expect(await check('plain', kept)).toBe(false)
})

test('nobody has the password of the decoy, which costs as much as a true one', async () => {
  expect(await check('', DECOY_HASH)).toBe(false)
  expect(DECOY_HASH.split('$', 3)).toEqual((await hash('x')).split('$', 3))
})

test('a user is kept without the password', async () => {
  const { value } = putUser({ user: 'a', hash: await hash('secret'), roles: null })
  expect(value).not.toContain('secret')
})
