/**
 * What is odd: paths, values, numbers, booleans, paths that are not of the key space, requests that break rules of HTTP.
 *
 * Owns: the lists. Everything is Latin-1 as it goes over the wire.
 */
import fc from 'fast-check'
import { type Ask, FORM, type Raw } from './steps.ts'

/** What may follow the try's own directory in a path. */
export const ODD_PATHS: readonly string[] = [
  ...['//a', '/./a', '/a/../b', '/a/.', '/a/..', '/%2Fa', '/a%2Fb', '/%2e%2e/{p}/a', '/..', '/%2E', '//', '/a//'],
  ...[
    '/%zz',
    '/%',
    '/a%2',
    '/%00x',
    '/%ff',
    '/%fe',
    '/%C3%A4',
    '/\xc3\xa4',
    '/\xff',
    '/\xf0\x9f\x98\x80',
    '/%F0%9F%98%80',
  ],
  ...['/...', '/.a', '/a.', '/q%3Fm%23h', '/sp%20ace+plus', '/a%252Fb', '/"q"', "/<b>&'", '/a;b', '/a=b', '/~!*()$,:@'],
  ...[
    '/|^`{}',
    '/[]',
    '/%E2%80%A8',
    '/%ED%A0%80',
    '/%EF%BF%BF',
    '/%0a',
    '/%7F',
    '/a#b',
    '/_',
    '/__',
    '/_h/a',
    '/a_',
    '/\\',
  ],
  ...['/%20', '/+', '/a%26b', '/%5F%68', '/a/%2e/b', '/a%2f%2fb', '/A', `/${'k'.repeat(300)}`, `/${'d/'.repeat(40)}e`],
  ...[
    '//a?x=%2F%zz&<>',
    '/a/../b?y="q"&\'',
    '/../\xc3\xa4',
    '//\xc3\xa4?\xc3\xa4',
    '//%C3%A4/%2f%3f%23%25?a=b?c',
    "//!*'();@",
  ],
]

export const oddPath: fc.Arbitrary<string> = fc.constantFrom(...ODD_PATHS)

/** Values of a form, encoded well or badly; the first are plain. */
export const VALUES: readonly string[] = [
  ...[
    'a+b',
    'a%20b',
    '%C3%A4',
    '\xc3\xa4',
    '%00',
    '%FF',
    '%FE',
    '\xff\xfe',
    '%22%5C%0A%09%0D%08%0C%1F',
    '%3Cb%3E%26',
    "'",
  ],
  ...[
    '%E2%80%A8%E2%80%A9',
    '%F0%9F%98%80',
    '%7F',
    '%ED%A0%80',
    '%C3',
    '%E2%82',
    '%EF%BF%BD',
    'a/b',
    '{"j":1}',
    'a=b',
    '=',
    '?',
    '#',
  ],
  ...[
    `${'z'.repeat(1930)}`,
    `${'z'.repeat(1950)}`,
    `${'z'.repeat(1966)}`,
    'z'.repeat(2100),
    'z'.repeat(9000),
    '%C3%A4'.repeat(980),
  ],
]

/** Unsigned 64-bit numbers at their edges, and what is none. The first two are numbers. */
export const UINTS: readonly string[] = [
  ...['18446744073709551615', '9223372036854775807', '9223372036854775808', '9007199254740993', '9007199254740992'],
  ...[
    '18446744073709551616',
    '99999999999999999999999',
    '',
    '-1',
    '+1',
    '%201',
    '1%20',
    '1.5',
    '0x10',
    '1e3',
    '007',
    '00',
    '1_000',
  ],
  ...['\xd9\xa1', 'a', '%31', '000000000000000000000000000001', '4294967296'],
]

/** Times to live that are none, or run out when nobody looks any more. */
export const TTLS: readonly string[] = [
  ...[
    '',
    '4294967296',
    '3153600000',
    '99999999999999999999999',
    '18446744073709551616',
    '-1',
    '+1',
    '%201',
    '1%20',
    '1.5',
  ],
  ...['0x10', '1e3', '1_000', '\xd9\xa1', 'a', '000000000000000000000000000100'],
]

/** Booleans, and what is none. */
export const BOOLEANS: readonly string[] = [
  ...['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False'],
  ...['', 'yes', 'tRuE', '2', '-1', 'true%20', 'no', 'on', '%74rue'],
]

/** Pairs that make no sense, or are no pairs. */
export const NOISE: readonly string[] = [
  ...[
    '%zz',
    'a=%zz',
    'value=%f',
    'value=%',
    'value=%4',
    ';',
    'a;b=1',
    'value=a;b',
    '=',
    '&',
    '&&a',
    'value',
    'VALUE=z',
    'Value=z',
  ],
  ...[
    '%76alue=enc',
    'value=1=2',
    '+value=1',
    'dir',
    'recursive',
    'ttl',
    'prevValue',
    'unknown=1',
    '=x',
    'a=%C3%A9%',
    '%\xff1',
    'b=%"x',
  ],
  ...[
    'ttl=5&ttl=x',
    'value=v1&value=v2',
    'stream=true',
    'sorted=1',
    'quorum=0',
    'wait=false',
    'wait=yes',
    'wait=',
    'waitIndex=5',
  ],
]

/** Bodies for resources of JSON: nothing that changes a member or a user. */
const JSON_BODIES: readonly string[] = [
  ...[
    '',
    '{',
    '{}',
    '[]',
    'null',
    '1',
    '"x"',
    'junk',
    '{"a":1}',
    '{"peerURLs":[]}',
    '{"peerURLs":null}',
    '{"peerURLs":"x"}',
    '{"peerURLs":[1]}',
  ],
  ...[
    '{"peerURLs":["x"]}',
    '{"peerURLs":["http://a"]}',
    '{"peerURLs":["ftp://a:1"]}',
    '{"peerURLs":["http://a:1/x"]}',
    '{"peerURLs":[""]}',
  ],
  ...[
    '{"peerURLs":["http://a:1","http://a"]}',
    '{"PEERURLS":["http://a:x"]}',

    '{"peerURLs":["http://%zz:1"]}',
    '{"peerURLs":["http://a:99999/x"]}',
    '{} x',
    '{"x":"\\ud800"',
    '{"peerURLs":["://"]}',
  ],
  ...[
    '{"Level":"INFO"}',
    '{"level":"error"}',
    '{"Level":"zzz"}',
    '{"Level":1}',
    '{"Level":""}',
    '{"Level":"E"}',
    '{"Level":"x\\"<>&\xc3\xa4"}',
  ],
  ...[
    '{"user":"x"}',
    '{"user":"nobody"}',
    '{"user":"nobody","grant":["r"]}',
    '{"user":"nobody","roles":["r"],"grant":["r"]}',
    '{"role":"x"}',
    '{"user":1}',
  ],
  ...[
    '{"role":"root"}',
    '{"role":"nobody","grant":{"kv":{"read":["/a"],"write":[]}}}',
    '{"role":"nobody","permissions":{"kv":{"read":["/a"]}},"grant":{"kv":{}}}',
  ],
]

const JSON_PATHS: readonly string[] = [
  ...[
    '/v2/members',
    '/v2/members/',
    '/v2/members/x',
    '/v2/members/leader',
    '/v2/members/ffffffffffffffff',
    '/v2/members/0001',
    '/v2/members/1/2',
  ],
  ...[
    '/v2/members/FFFF',
    '/v2/members/-1',
    '/v2/members/10000000000000000',
    '/v2/members/%22%3C%C3%A4',
    '/v2/members?x',
    '/v2/members/0x1',
    '/v2/members/1/',
  ],
  ...[
    '/config/local/log',
    '/config/local/log/',
    '/config/local',
    '/v2/auth/enable',
    '/v2/auth/enable/',
    '/v2/auth/users',
    '/v2/auth/users/',
  ],
  ...[
    '/v2/auth/users/nobody',
    '/v2/auth/users/nobody/',
    '/v2/auth/users/a/b',
    '/v2/auth/users/%22%3C',
    '/v2/auth/roles',
    '/v2/auth/roles/',
  ],
  ...[
    '/v2/auth/roles/nobody',
    '/v2/auth/roles/root',
    '/v2/auth/roles/guest',
    '/v2/auth/roles/a/b',
    '/v2/auth/',
    '/v2/auth/x',
    '/v2/auth/users/%2F',
  ],
]

const JSON_TYPES: readonly string[] = [
  ...[
    'application/json',
    'application/json',
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'Application/JSON ; x',
    'text/plain',
    '',
    ';',
    FORM,
  ],
]

/** A request that a resource of JSON refuses, or that changes nothing. */
export const jsonRequest: fc.Arbitrary<Ask> = fc
  .record({
    path: fc.constantFrom(...JSON_PATHS),
    method: fc.constantFrom('GET', 'PUT', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH'),
    body: fc.constantFrom(undefined, ...JSON_BODIES),
    contentType: fc.constantFrom(...JSON_TYPES),
    headers: fc.constantFrom<readonly string[]>(
      [],
      [],
      ['Origin: http://a.example:8080'],
      ['Authorization: Basic eDp5'],
    ),
  })
  .map(({ path, method, body, contentType, headers }) => {
    return { kind: 'ask', method, target: path, headers, body, contentType, chunkBytes: 0 }
  })

const PATHS: readonly string[] = [
  ...[
    '/',
    '/v2',
    '/v2/',
    '/v2/keysfoo',
    '/v2/leader',
    '/v2/peers',
    '/v2/stats',
    '/v2/auth',
    '/v2/admin/machines',
    '/v2/speedTest',
  ],
  ...[
    '/mod/v2/lock/a',
    '/mod/v2/leader/a',
    '/mod/dashboard/',
    '/v1/keys/a',
    '/favicon.ico',
    '/debug/vars',
    '/debug/vars/',
    '/debug/pprof/',
    '/debug/',
    '/index.html',
    '/v2/Keys',
  ],
  ...[
    '/version',
    '/version/',
    '/health',
    '/health/',
    '/metrics',
    '/v2/machines',
    '/v2/machines/',
    '/v2/members',
    '/v2/members/',
  ],
  ...['/v2/members/leader', '/v2/members/x', '/v2/members/leader/x', '/v2/members/1/2', '/v2/members/ffffffffffffffff'],
  ...[
    '/v2/stats/self',
    '/v2/stats/self/',
    '/v2/stats/leader',
    '/v2/stats/leader/',
    '/v2/stats/store',
    '/v2/stats/store',
    '/v2/stats/store/',
    '/v2/stats/x',
  ],
  ...['/v2/keys', '/v2/keys/', '/v2//keys', '//', '/v2/../v2/keys', '/./version', '/v2/stats/../stats/self'],
  ...[
    '/v2/members%2Fleader',
    '/v2%2Fkeys',
    '/%76ersion',
    '/v2/machines?x=%zz',
    '/version?a=b',
    '/health?exclude=NOSPACE',
  ],
]

/** A request to something that is not the key space, or to its root. */
export const elsewhere: fc.Arbitrary<Ask> = fc
  .record({
    path: fc.constantFrom(...PATHS),
    method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'),
    body: fc.constantFrom(undefined, undefined, '', 'value=x', '{', 'junk'),
    contentType: fc.constantFrom('', FORM, 'application/json', 'text/plain'),
    headers: fc.constantFrom<readonly string[]>([], [], ['Origin: http://a.example:8080']),
  })
  .map(({ path, method, body, contentType, headers }) => {
    return {
      kind: 'ask',
      method,
      target: path,
      headers,
      body,
      contentType: body === undefined ? '' : contentType,
      chunkBytes: 0,
    }
  })

const GET = 'GET /v2/keys/{p}/raw'
const PUT = 'PUT /v2/keys/{p}/raw?value=1'
const HOST = 'Host: a'

/** Requests line by line, that are unusual or break rules. */
const RAW_LINES: readonly (readonly string[])[] = [
  [`${GET} HTTP/1.0`],
  [`${GET} HTTP/1.0`, 'Connection: keep-alive'],
  [`${PUT} HTTP/1.0`],
  [`${GET} HTTP/1.1`],
  [`${GET} HTTP/1.1`, HOST, 'Connection: close'],
  [`${GET} HTTP/1.1`, HOST, 'Connection: Keep-Alive'],
  [`${GET} HTTP/1.1`, HOST, HOST],
  [`${GET} HTTP/1.1`, HOST, 'Host: b'],
  [`${GET} HTTP/1.1`, 'Host: a b'],
  [`${GET} HTTP/1.1`, 'Host:'],
  [`${GET} HTTP/1.1`, 'Host: [::1]:2379'],
  [`${GET} HTTP/1.1`, 'Host: \xc3\xa4'],
  [`${GET} HTTP/1.1`, HOST, 'B@d: b'],
  [`${GET} HTTP/1.1`, HOST, 'bad b'],
  [`${GET} HTTP/1.1`, HOST, 'X: \x01'],
  [`${GET} HTTP/1.1`, HOST, 'X: \xc3\xa4'],
  [`${GET} HTTP/1.1`, HOST, ': x'],
  [`${GET} HTTP/1.1`, HOST, 'X : y'],
  [`${GET} HTTP/1.1`, HOST, 'X: a', ' folded'],
  [`${GET} HTTP/1.1`, HOST, `X: ${'h'.repeat(20_000)}`],
  [`${GET} HTTP/1.1`, HOST, 'Expect: 100-continue'],
  [`${GET} HTTP/1.1`, HOST, 'Expect: x'],
  [`${PUT} HTTP/1.1`, HOST, 'Expect: x'],
  [`${GET} HTTP/1.1`, HOST, 'Upgrade: websocket', 'Connection: Upgrade'],
  [`${GET} HTTP/1.2`, HOST],
  [`${GET} HTTP/2.0`, HOST],
  [`${GET} HTTP/1`, HOST],
  [`${GET} http/1.1`, HOST],
  [`${GET}`, HOST],
  ['GET v2/keys/{p} HTTP/1.1', HOST],
  ['GET http://b/v2/keys/{p}/raw HTTP/1.1', HOST],
  ['GET http://b HTTP/1.1', HOST],
  ['GET * HTTP/1.1', HOST],
  ['OPTIONS * HTTP/1.1', HOST],
  [`${GET} b HTTP/1.1`, HOST],
  [`${GET}\x01 HTTP/1.1`, HOST],
  [`${GET}\t HTTP/1.1`, HOST],
  ['get /v2/keys/{p} HTTP/1.1', HOST],
  ['FOO /v2/keys/{p}/raw HTTP/1.1', HOST],
  ['FOO /v2/members HTTP/1.1', HOST],
  ['FOO /version HTTP/1.1', HOST],
  ['FOO /none HTTP/1.1', HOST],
  ['B@R /v2/keys/{p}/raw HTTP/1.1', HOST],
  ['LONGMETHODNAME-1 /v2/keys HTTP/1.1', HOST],
  ['QUERY /v2/keys HTTP/1.1', HOST],
  ['M-SEARCH /v2/keys HTTP/1.1', HOST],
  ['CONNECT /v2/keys/{p}/raw HTTP/1.1', HOST],
  ['CONNECT a:80 HTTP/1.1', HOST],
  ['HELLO'],
  [`GET /v2/keys/{p}/${'k'.repeat(3000)}\xc3\xa4 HTTP/1.1`, HOST],
  ['GET /v2/keys/{p}/\xc3\xa4?recursive=\xff HTTP/1.1', HOST],
  ['PUT /v2/keys/{p}/raw?value=\xc3\xa4 HTTP/1.1', HOST],
  [`${PUT} HTTP/1.1`, HOST, 'Transfer-Encoding: gzip'],
  [`${PUT} HTTP/1.1`, HOST, 'Transfer-Encoding: gzip, chunked'],
  [`${PUT} HTTP/1.1`, HOST, 'Transfer-Encoding: identity'],
  [`${GET} HTTP/1.1`, HOST, 'Transfer-Encoding: gzip'],
  [`${GET} HTTP/1.1`, HOST, 'Transfer-Encoding: gzip, chunked'],
  [`${PUT} HTTP/1.1`, HOST, 'Content-Length: 3x'],
  [`${PUT} HTTP/1.1`, HOST, 'Content-Length: -1'],
  [`${PUT} HTTP/1.1`, HOST, 'Content-Length: +0'],
  [`${PUT} HTTP/1.1`, HOST, 'Content-Length:'],
  [`${PUT} HTTP/1.1`, HOST, 'Content-Length: 0', 'Content-Length: 0'],
  [`${PUT} HTTP/1.1`, HOST, 'Content-Length: 0', 'Content-Length: 1'],
]

/** The same with what follows the head. */
const RAW_BODIES: readonly string[] = [
  `${PUT} HTTP/1.1\r\n${HOST}\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nvalue=x\r\n0\r\n\r\n`,
  `${PUT} HTTP/1.1\r\n${HOST}\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n7;a=b\r\nvalue=x\r\n0\r\nT: x\r\n\r\n`,
  `${PUT} HTTP/1.1\r\n${HOST}\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: Chunked\r\n\r\n7\r\nvalue=x\r\n0\r\n\r\n`,
  `${PUT} HTTP/1.1\r\n${HOST}\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nvalue=xx\r\n0\r\n\r\n`,
  `${PUT} HTTP/1.1\r\n${HOST}\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`,
  `${PUT} HTTP/1.1\n${HOST}\n\n`,
  `\r\n${GET} HTTP/1.1\r\n${HOST}\r\n\r\n`,
  `${GET} HTTP/1.1\r\n${HOST}\r\nContent-Length: 5\r\n\r\nhello`,
  `DELETE /v2/keys/{p}/raw HTTP/1.1\r\n${HOST}\r\nContent-Length: 5\r\n\r\nhello`,
]

/** Bytes on a connection of their own. */
export const RAWS: readonly string[] = [...RAW_LINES.map((lines) => `${lines.join('\r\n')}\r\n\r\n`), ...RAW_BODIES]

export const raw: fc.Arbitrary<Raw> = fc.constantFrom(...RAWS).map((text) => ({ kind: 'raw', text }))
