/** What counts as credentials. */
import { expect, test } from 'vitest'
import { formatBasic, parseBasic } from '../../src/auth/basic.ts'

const basic = (text: string | Buffer) => `Basic ${Buffer.from(text).toString('base64')}`

test('name and password are told apart at the first colon', () => {
  expect(parseBasic(basic('al:p:w'))).toEqual({ user: 'al', password: Buffer.from('p:w') })
  expect(parseBasic(basic(':'))).toEqual({ user: '', password: Buffer.alloc(0) })
  expect(parseBasic(basic('ä:ö'))).toEqual({ user: 'ä', password: Buffer.from('ö') })
})

test('the scheme is known in any case', () => {
  for (const scheme of ['basic', 'BASIC', 'bAsIc']) {
    expect(parseBasic(basic('a:b').replace('Basic', scheme))?.user).toBe('a')
  }
})

test('bytes that are no UTF-8 stay what they are in a password', () => {
  expect(parseBasic(basic(Buffer.from([97, 58, 255, 0])))?.password).toEqual(Buffer.from([255, 0]))
})

test.each([
  'Basic',
  'Basic ',
  'Bearer abc',
  basic('no colon'),
  'Basic YTpi=',
  'Basic YTpiYw',
  'Basic YTpi YTpi',
  'Basic YT_i',
  'Basic  YTpi',
  'BasicYTpi',
])('%j is none', (header) => {
  expect(parseBasic(header)).toBeUndefined()
})

test('each name and password has one usual header, which most clients write', () => {
  for (const text of ['al:p:w', ':', 'ä:ö', 'a:']) {
    const header = basic(text)
    const credentials = parseBasic(header)
    expect(credentials === undefined ? undefined : formatBasic(credentials)).toBe(header)
  }
  const odd = parseBasic('bASIC YWI6YWJ=')
  expect(odd === undefined ? undefined : formatBasic(odd)).toBe(basic('ab:ab'))
  const bytes = parseBasic(basic(Buffer.from([255, 58, 255])))
  expect(bytes === undefined ? undefined : formatBasic(bytes)).toBe(basic(Buffer.from([0xef, 0xbf, 0xbd, 58, 255])))
})
