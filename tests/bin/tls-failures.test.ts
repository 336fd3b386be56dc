/** What the tool says where TLS fails: a certificate that is wanted, a server without TLS, a key of another certificate. */
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { refusalOf } from '../../src/client/tls-failures.ts'
import { TestAuthority } from '../support/certificates.ts'
import { NODE, ROOT } from '../support/child.ts'
import { clientOf, errorOf, startOdd } from '../support/odd-server.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const authority = new TestAuthority()

async function muster(words: readonly string[]) {
  const child = startChild(NODE, [join(ROOT, 'bin', 'muster.ts'), ...words])
  const { code } = await child.exited
  return { code, stdout: child.stdout, stderr: child.stderr }
}

/** A server that takes nobody without a certificate of the authority, and the words for asking it. */
async function startStrict() {
  const asked: string[] = []
  const options = { ...authority.issue(), ca: authority.cert, requestCert: true, rejectUnauthorized: true }
  const server = createServer(options, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end('{}')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const ca = join(await scratchDir(), 'ca.pem')
  await writeFile(ca, authority.cert)
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, asked, words: ['--ca-file', ca, '--endpoints', url] }
}

describe('a server that wants a client certificate', () => {
  test('is told as one, and a change was surely not made', async () => {
    const { url, asked, words } = await startStrict()
    const failure =
      'client: etcd cluster is unavailable or misconfigured; error #0: remote error: tls: certificate required\n'
    const hint = `muster: ${url} wants a client certificate: --cert-file and --key-file\n`
    expect(await muster([...words, 'get', '/a'])).toEqual({
      code: 4,
      stdout: '',
      stderr: `Error:  ${failure}\nerror #0: remote error: tls: certificate required\n\n${hint}`,
    })
    expect(await muster([...words, 'mk', '/a', '1'])).toEqual({
      code: 4,
      stdout: '',
      stderr: `Error:  remote error: tls: certificate required\n${hint}muster: the change was not made\n`,
    })
    expect(await muster([...words, 'user', 'list'])).toEqual({ code: 1, stdout: '', stderr: `${failure}\n${hint}` })
    expect(asked).toEqual([])
  })

  test('or another one than is shown: no reason is given, so it can only be guessed', async () => {
    const { url, asked, words } = await startStrict()
    const folder = await scratchDir()
    const { cert, key } = new TestAuthority().issue()
    await Promise.all([writeFile(join(folder, 'cert'), cert), writeFile(join(folder, 'key'), key)])
    const own = ['--cert-file', join(folder, 'cert'), '--key-file', join(folder, 'key')]
    const { code, stderr } = await muster([...words, ...own, '--no-sync', 'set', '/a', '1'])
    expect([code, asked]).toEqual([4, []])
    const hint = `muster: ${url} may not trust the client certificate that was shown\n`
    expect(stderr.endsWith(`\n${hint}muster: the change may have been made all the same\n`)).toBe(true)
  })

  test('makes the client fail for sure, with the reason', async () => {
    const { url } = await startStrict()
    const client = clientOf([url], { tls: { ca: authority.cert }, retry: { attemptsMax: 1 } })
    const failed = await errorOf(client.set('/a', '1'))
    expect(failed).toMatchObject({ code: 'MUSTER_CLIENT_UNREACHABLE', definite: true })
    const reason = 'it does not let in whoever shows no certificate that it trusts (certificate required)'
    expect(failed.message).toBe(`cannot reach ${url}: ${reason}`)
  })
})

test.each([
  ['SSL/TLS_ALERT_BAD_CERTIFICATE', 'bad certificate'],
  ['TLSV1_ALERT_UNKNOWN_CA', 'unknown certificate authority'],
  ['TLSV13_ALERT_CERTIFICATE_REQUIRED', 'certificate required'],
  ['SSL/TLS_ALERT_HANDSHAKE_FAILURE', undefined],
  ['WRONG_VERSION_NUMBER', undefined],
])('%s is the refusal: %s', (name, refusal) => {
  expect(refusalOf(Object.assign(new Error('alert'), { code: `ERR_SSL_${name}` }))).toBe(refusal)
})

test('a server that speaks no TLS is told as one, once', async () => {
  const { url } = await startOdd((_request, response) => response.end('{}'))
  const secure = url.replace('http:', 'https:')
  const { code, stderr } = await muster(['--endpoints', secure, '--no-sync', 'set', '/a', '1'])
  expect(code).toBe(4)
  expect(stderr).not.toMatch(/openssl|SSL routines/i)
  expect(stderr.split('\n').filter((line) => line.startsWith('muster:'))).toEqual([
    `muster: ${secure} speaks no TLS: name it with http:// rather than https://`,
    'muster: the change was not made',
  ])
  expect(await muster(['--endpoints', secure, 'status'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`cannot reach ${secure}: it speaks no TLS there: http:// rather than https://`),
  })
})

test('a key of another certificate is told before anything is asked', async () => {
  const folder = await scratchDir()
  const [one, other] = [authority.issue(), authority.issue()]
  await Promise.all([writeFile(join(folder, 'cert'), one.cert), writeFile(join(folder, 'key'), other.key)])
  const words = ['--cert-file', join(folder, 'cert'), '--key-file', join(folder, 'key'), 'get', '/a']
  expect(await muster(words)).toEqual({ code: 1, stdout: '', stderr: 'tls: private key does not match public key\n' })
})
