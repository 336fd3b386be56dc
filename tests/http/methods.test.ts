/** Methods that a path does not serve, with bodies or without: 405, and nothing in the log. */
import { METHODS } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { parseAnswer } from '../support/raw-http.ts'

/** Paths with the methods that they serve. */
const PATHS: Readonly<Record<string, readonly string[]>> = {
  '/version': ['GET'],
  '/health': ['GET'],
  '/v2/keys/k': ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
  '/v2/machines': ['GET', 'HEAD'],
  '/v2/members': ['GET', 'POST', 'PUT', 'DELETE'],
  '/v2/members/leader': ['GET', 'POST', 'PUT', 'DELETE'],
  '/v2/stats/self': ['GET'],
  '/debug/vars': ['GET'],
  '/config/local/log': ['PUT'],
  '/muster/v1/status': ['GET'],
}

let http: HttpMember
let errors: object[]

beforeEach(async () => {
  errors = []
  const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => errors.push(fields) }
  http = await startHttp({ log })
})

afterEach(() => http.close())

test.each(Object.entries(PATHS))('%s refuses every method but %j', async (path, served) => {
  const connection = await http.connect()
  const refused = METHODS.filter((method) => !['CONNECT', 'OPTIONS', ...served].includes(method))
  expect(refused).toContain('PROPFIND')
  for (const method of refused) {
    const answer = parseAnswer(await connection.send(requestText(method, path)).answer(method === 'HEAD'))
    expect(`${method} ${answer.status}`).toBe(`${method} 405`)
  }
  expect(errors).toEqual([])
})

test.each(['application/x-www-form-urlencoded', 'application/json', 'no media type'])(
  'a body of type %s is not looked at where nobody wants one',
  async (type) => {
    for (const [path, status] of [
      ['/version', 405],
      ['/v2/machines', 405],
      ['/nowhere', 404],
    ] as const) {
      for (const method of ['PUT', 'POST', 'QUERY', 'DELETE', 'PATCH']) {
        const connection = await http.connect()
        const request = requestText(method, path, 'a=b', [`Content-Type: ${type}`])
        expect(parseAnswer(await connection.send(request).answer()).status).toBe(status)
        expect(parseAnswer(await connection.send(requestText('GET', '/version')).answer()).status).toBe(200)
      }
    }
    expect(errors).toEqual([])
  },
)
