/** Changing the members over HTTP: every status and sentence of the API page, 7.2, as etcd 3.4 was heard to say them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { putUser } from '../../src/auth/records.ts'
import { jsonFault } from '../../src/http/go-json.ts'
import type { MemberChangeAnswer } from '../../src/http/ports.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer } from '../support/raw-http.ts'

let http: HttpMember

beforeEach(async () => {
  http = await startHttp()
})
afterEach(() => http.close())

async function ask(method: string, path: string, body?: string, type = 'application/json') {
  const text = requestText(method, `/v2/members${path}`, body, body === undefined ? [] : [`Content-Type: ${type}`])
  return parseAnswer(await exchange(http.port, text))
}

async function said(method: string, path: string, body?: string, type?: string): Promise<string> {
  const answer = await ask(method, path, body, type)
  return `${answer.status} ${answer.body}`
}

const GOOD = '{"peerURLs":["http://b:2380","http://a:2380"],"name":"ignored"}'
const STRUCTURE = 'Go value of type struct { PeerURLs []string "json:\\"peerURLs\\"" }'
const fails = (reason: Extract<MemberChangeAnswer, { ok: false }>['reason']) => ({ ok: false as const, reason })

describe('POST', () => {
  test.each(['', '/', '/anything/at/all', '/leader'])('adds a member, whatever follows the path: %s', async (path) => {
    const answer = await ask('POST', path, GOOD)
    expect(answer.status).toBe(201)
    expect(answer.body).toBe('{"id":"abc123","name":"","peerURLs":["http://a:2380","http://b:2380"],"clientURLs":[]}\n')
    expect(http.member.memberChanges.asked).toEqual([['add', ['http://a:2380', 'http://b:2380']]])
  })

  test.each([
    ['peerUrlExists', '409 {"message":"membership: peerURL exists"}'],
    ['idExists', '409 {"message":"membership: ID exists"}'],
    ['idRemoved', '500 {"message":"Internal Server Error"}'],
    ['failed', '500 {"message":"Internal Server Error"}'],
  ] as const)('that ends as %s is answered %s', async (reason, answer) => {
    http.member.memberChanges.answer = fails(reason)
    expect(await said('POST', '', GOOD)).toBe(answer)
  })

  test.each([
    ['', 'unexpected end of JSON input'],
    ['x', "invalid character 'x' looking for beginning of value"],
    ['{}', 'no valid URLs given'],
    ['null', 'no valid URLs given'],
    ['[]', `json: cannot unmarshal array into ${STRUCTURE}`],
    ['"s"', `json: cannot unmarshal string into ${STRUCTURE}`],
    ['1', `json: cannot unmarshal number into ${STRUCTURE}`],
    ['true', `json: cannot unmarshal bool into ${STRUCTURE}`],
    ['{"peerURLs":"x"}', 'json: cannot unmarshal string into Go struct field .peerURLs of type []string'],
    ['{"peerURLs":{}}', 'json: cannot unmarshal object into Go struct field .peerURLs of type []string'],
    ['{"peerURLs":[1]}', 'json: cannot unmarshal number into Go struct field .peerURLs of type string'],
    ['{"peerURLs":[null]}', 'URL scheme must be http, https, unix, or unixs: '],
    ['{"peerURLs":["ftp://h:1"]}', 'URL scheme must be http, https, unix, or unixs: ftp://h:1'],
    ['{"peerURLs":["h:1"]}', 'URL scheme must be http, https, unix, or unixs: h:1'],
    ['{"peerURLs":["127.0.0.1:1"]}', 'parse "127.0.0.1:1": first path segment in URL cannot contain colon'],
    ['{"PEERurls":["http://h"]}', 'URL address does not have the form "host:port": http://h'],
    ['{"peerURLs":["http://h:1/"]}', 'URL must not contain a path: http://h:1/'],
    ['{"peerURLs":["http://h:a"]}', 'parse "http://h:a": invalid port ":a" after host'],
    ['{"peerURLs":["http://[::1:1"]}', `parse "http://[::1:1": missing ']' in host`],
    ['{"peerURLs":["http://a b:1"]}', 'parse "http://a b:1": invalid character " " in host name'],
    ['{"peerURLs":["http://a\\n:2380"]}', 'parse "http://a\\n:2380": net/url: invalid control character in URL'],
    ['{"peerURLs":["http://a\\u007f:1"]}', 'parse "http://a\\x7f:1": net/url: invalid control character in URL'],
    [`{"peerURLs":["http://${'a'.repeat(2050)}:1"]}`, 'a URL has 2048 characters at most'],
    [JSON.stringify({ peerURLs: Array(65).fill('http://a:1') }), 'too many URLs: a member has 64 at most'],
    ['{"peerURLs":["http://%zz:1"]}', 'parse "http://%zz:1": invalid URL escape "%zz"'],
  ])('of %s is answered 400: %s', async (body, message) => {
    const answer = await ask('POST', '', body)
    expect(answer.status).toBe(400)
    expect(answer.body).toBe(JSON.stringify({ message }))
    expect(http.member.memberChanges.asked).toEqual([])
  })

  test.each([
    ['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded'],
    ['Application/json', 'Application/json'],
    ['', ''],
    ['TEXT/plain; charset=utf-8', 'text/plain'],
  ])('of type "%s" is answered 415', async (type, shown) => {
    const message = `Bad Content-Type ${shown}, accept application/json`
    expect(await said('POST', '', GOOD, type)).toBe(`415 ${JSON.stringify({ message })}`)
  })

  test('of a type with a parameter is taken', async () => {
    expect((await ask('POST', '', GOOD, 'Application/JSON ; charset=utf-8')).status).toBe(201)
  })

  test('of a body that is too long is refused, and nothing is kept of it', async () => {
    const body = `{"peerURLs":["http://${'a'.repeat(1024 * 1024)}:1"]}`
    expect((await ask('POST', '', body)).status).toBe(413)
  })

  test('that comes beside too many others is not called too long: it may be sent again', async () => {
    const text = requestText('POST', '/v2/members', GOOD.padEnd(1024 * 1024), ['Content-Type: application/json'])
    const answers = Array.from({ length: 5 }, async () => (await http.connect()).send(text.slice(0, -1)).answer())
    const { status, body } = parseAnswer(await Promise.any(answers))
    expect(`${status} ${body}`).toBe('503 {"message":"too many request bodies at a time"}')
    expect((await ask('POST', '', GOOD)).status).toBe(201)
  })
})

describe('DELETE', () => {
  test('removes a member, its id in any spelling', async () => {
    const answer = await ask('DELETE', '/00ABCdef')
    expect(`${answer.status} ${answer.body}`).toBe('204 ')
    expect(http.member.memberChanges.asked).toEqual([['remove', 'abcdef']])
  })

  test.each([
    ['idNotFound', '404 {"message":"No such member: ab"}'],
    ['idRemoved', '410 {"message":"Member permanently removed: ab"}'],
    ['failed', '500 {"message":"Internal Server Error"}'],
  ] as const)('that ends as %s is answered %s', async (reason, answer) => {
    http.member.memberChanges.answer = fails(reason)
    expect(await said('DELETE', '/0AB')).toBe(answer)
  })

  test.each(['/zz', '/12345678901234567', '/leader', '/a/b'])('of %s finds nobody', async (path) => {
    expect(await said('DELETE', path)).toBe(`404 {"message":"No such member: ${path.slice(1)}"}`)
    expect(http.member.memberChanges.asked).toEqual([])
  })

  test('names whom it does not find as the path is meant, not as it is escaped', async () => {
    expect(await said('DELETE', '%2Fx%22%C3%A4')).toBe('404 {"message":"No such member: x\\"ä"}')
  })

  test('of nobody is not allowed', async () => {
    for (const path of ['', '/']) expect(await said('DELETE', path)).toBe('405 Method Not Allowed\n')
  })
})

describe('PUT', () => {
  test('moves a member', async () => {
    expect(await said('PUT', '/ab', GOOD)).toBe('204 ')
    expect(http.member.memberChanges.asked).toEqual([['update', 'ab', ['http://a:2380', 'http://b:2380']]])
  })

  test.each([
    ['idNotFound', '404 {"message":"No such member: ab"}'],
    ['peerUrlExists', '409 {"message":"membership: peerURL exists"}'],
    ['idRemoved', '500 {"message":"Internal Server Error"}'],
  ] as const)('that ends as %s is answered %s', async (reason, answer) => {
    http.member.memberChanges.answer = fails(reason)
    expect(await said('PUT', '/ab', GOOD)).toBe(answer)
  })

  test('looks at the id first, and then at the body', async () => {
    expect(await said('PUT', '', '{', 'text/plain')).toBe('405 Method Not Allowed\n')
    expect(await said('PUT', '/zz', '{', 'text/plain')).toBe('404 {"message":"No such member: zz"}')
    expect((await ask('PUT', '/ab', '{', 'text/plain')).status).toBe(415)
    expect(await said('PUT', '/ab', '{')).toBe('400 {"message":"unexpected end of JSON input"}')
  })
})

test.each([
  ['{"peerURLs":[]}{', "invalid character '{' after top-level value"],
  ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['{"a":1 2}', "invalid character '2' after object key:value pair"],
  ['[1 2]', "invalid character '2' after array element"],
  ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
  ['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['{"a":01}', "invalid character '1' after object key:value pair"],
  ['{"a":1.}', "invalid character '}' after decimal point in numeric literal"],
  ['{"a":1e}', "invalid character '}' in exponent of numeric literal"],
  ['{"a":-}', "invalid character '}' in numeric literal"],
  ['{"a":[1,{"b":null}],"c":-0.5e+7,"d":"\\u00e9"} ', undefined],
])('of %s Go says %s', (text, fault) => {
  expect(jsonFault(text)).toBe(fault)
})

describe('nesting', () => {
  const many = (piece: string, count: number) => piece.repeat(count)
  test.each([
    ['[', 10_000, 'unexpected end of JSON input'],
    ['[', 10_001, "invalid character '[' exceeded max depth"],
    ['{"a":', 10_000, 'unexpected end of JSON input'],
    ['{"a":', 10_001, "invalid character '{' exceeded max depth"],
    ['[{"a":', 6000, "invalid character '[' exceeded max depth"],
    ['[', 900_000, "invalid character '[' exceeded max depth"],
  ])('of %s times %i is answered as Go says it', async (piece, count, message) => {
    expect(await said('POST', '', many(piece, count))).toBe(`400 ${JSON.stringify({ message })}`)
    expect(await said('PUT', '/ab', many(piece, count))).toBe(`400 ${JSON.stringify({ message })}`)
  })

  test('within the limit is no fault', () => {
    expect(jsonFault(`${many('[', 10_000)}${many(']', 10_000)}`)).toBeUndefined()
    expect(jsonFault(`${many('[', 10_001)}${many(']', 10_001)}`)).toBe("invalid character '[' exceeded max depth")
    expect(jsonFault(`${many('{"a":', 10_000)}[]${many('}', 10_000)}`)).toBe("invalid character '[' exceeded max depth")
    expect(jsonFault(`${many('[{"a":{},"b":', 4999)}[1,[]]${many('}]', 4999)}`)).toBe(undefined)
  })
})

test('an administrator who is none any more when the body has come changes nothing', async () => {
  const put = (path: string, body: string) =>
    exchange(http.port, requestText('PUT', path, body, ['Content-Type: application/json']))
  await put('/v2/auth/users/root', '{"user":"root","password":"p"}')
  await put('/v2/auth/enable', '')
  const login = `Authorization: Basic ${Buffer.from('root:p').toString('base64')}`
  const text = requestText('POST', '/v2/members', GOOD, ['Content-Type: application/json', login])
  const asRoot = () => exchange(http.port, requestText('GET', '/v2/auth/users', undefined, [login]))
  // Remembered from now on, so that the next is admitted at once.
  expect(parseAnswer(await asRoot()).status).toBe(200)
  const connection = await http.connect()
  connection.send(text.slice(0, -5))
  expect(parseAnswer(await asRoot()).status).toBe(200)
  const prevAuthIndex = http.member.store.auth.index
  http.member.apply({
    kind: 'auth',
    prevAuthIndex,
    puts: [putUser({ user: 'root', hash: 'another', roles: ['root'] })],
  })
  connection.send(text.slice(-5))
  expect(parseAnswer(await connection.answer()).status).toBe(401)
  expect(http.member.memberChanges.asked).toEqual([])
})

test('auth that is turned on while a body comes is asked for what came with it', async () => {
  const put = (path: string, body: string) =>
    exchange(http.port, requestText('PUT', path, body, ['Content-Type: application/json']))
  await put('/v2/auth/users/root', '{"user":"root","password":"p"}')
  const post = async (login: string): Promise<number> => {
    const connection = await http.connect()
    const text = requestText('POST', '/v2/members', GOOD, ['Content-Type: application/json', login])
    connection.send(text.slice(0, -5))
    // Its head is read by the time another request has been answered.
    await exchange(http.port, requestText('GET', '/version'))
    await put('/v2/auth/enable', '')
    connection.send(text.slice(-5))
    const { status } = parseAnswer(await connection.answer())
    await exchange(http.port, requestText('DELETE', '/v2/auth/enable', undefined, [basic('p')]))
    return status
  }
  expect(await post(basic('wrong'))).toBe(401)
  expect(http.member.memberChanges.asked).toEqual([])
  expect(await post(basic('p'))).toBe(201)
})

function basic(password: string): string {
  return `Authorization: Basic ${Buffer.from(`root:${password}`).toString('base64')}`
}
