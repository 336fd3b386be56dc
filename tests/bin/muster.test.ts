/** `muster healthcheck` says whether the member next to it is well, in one line and by its status. */
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type SideFiles, TestAuthority } from '../support/certificates.ts'
import { NODE, ROOT } from '../support/child.ts'
import { freePort } from '../support/free-port.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const MUSTER = join(ROOT, 'bin', 'muster.ts')

async function muster(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = startChild(NODE, [MUSTER, ...words], { env: { ...env, PATH: process.env['PATH'] } })
  const { code } = await child.exited
  return { code, stdout: child.stdout, stderr: child.stderr }
}

/** A member that answers everything in one way. Returns its URL. */
function fakeMember(answer: RequestListener): Promise<string> {
  return listening(createServer(answer))
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a member that says that it is healthy is healthy, wherever the environment says that it listens', async () => {
  const url = await fakeMember((request, response) => {
    response.end(request.url === '/health' ? '{"health":"true"}' : '')
  })
  const env = { ETCD_LISTEN_CLIENT_URLS: url.replace('127.0.0.1', '0.0.0.0') }
  expect(await muster(['healthcheck'], env)).toEqual({
    code: 0,
    stdout: `healthy: ${url}/health says 200 {"health":"true"}\n`,
    stderr: '',
  })
})

test('a member that says that it is not is not', async () => {
  const url = await fakeMember((_request, response) => response.writeHead(503).end('{"health":"false"}\n'))
  expect(await muster(['healthcheck', '--url', url])).toEqual({
    code: 1,
    stdout: '',
    stderr: `unhealthy: ${url}/health says 503 {"health":"false"}\n`,
  })
})

test('words for all commands name the members to ask, and each has to be well', async () => {
  const well = await fakeMember((_request, response) => response.end('{"health":"true"}'))
  const ill = await fakeMember((_request, response) => response.writeHead(503).end('{"health":"false"}'))
  const own = { MUSTER_LISTEN_CLIENT_URLS: ill }
  expect(await muster(['--endpoints', well, 'healthcheck'], own)).toEqual({
    code: 0,
    stdout: `healthy: ${well}/health says 200 {"health":"true"}\n`,
    stderr: '',
  })
  expect(await muster(['healthcheck', '--endpoints', `${well},${ill}`])).toEqual({
    code: 1,
    stdout: `healthy: ${well}/health says 200 {"health":"true"}\n`,
    stderr: `unhealthy: ${ill}/health says 503 {"health":"false"}\n`,
  })
})

test('a variable that names a cluster counts where none says where a member of this environment listens', async () => {
  const well = await fakeMember((_request, response) => response.end('{"health":"true"}'))
  const ill = await fakeMember((_request, response) => response.writeHead(503).end('{"health":"false"}'))
  expect(await muster(['healthcheck'], { MUSTER_ENDPOINTS: well })).toMatchObject({ code: 0, stderr: '' })
  expect(await muster(['healthcheck'], { MUSTER_ENDPOINTS: ill, ETCD_LISTEN_CLIENT_URLS: well })).toMatchObject({
    code: 0,
    stderr: '',
  })
})

test('nobody there is unhealthy, and the line says why', async () => {
  const port = await freePort()
  const { code, stderr } = await muster(['healthcheck', '--url', `http://127.0.0.1:${port}`])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^unhealthy: cannot ask: .*ECONNREFUSED.*\n$/)
})

describe('over https', () => {
  async function secureMember(): Promise<{ readonly url: string; readonly files: SideFiles }> {
    const authority = new TestAuthority()
    const files = await authority.writeSide(await scratchDir())
    const [cert, key, ca] = await Promise.all(
      [files.certFile, files.keyFile, files.trustedCaFile].map((path) => readFile(path)),
    )
    const server = createSecureServer(
      { cert, key, ca, requestCert: true, rejectUnauthorized: true },
      (_request, response) => response.end('{"health":"true"}'),
    )
    return { url: (await listening(server)).replace('http:', 'https:'), files }
  }

  test('a member is asked with the files that the words name', async () => {
    const { url, files } = await secureMember()
    const words = ['--cacert', files.trustedCaFile, '--cert', files.certFile, '--key', files.keyFile]
    expect(await muster(['healthcheck', '--url', url, ...words])).toMatchObject({ code: 0, stderr: '' })
  })

  test('a member is asked with the files that variables name, those of etcdctl or its own', async () => {
    const { url, files } = await secureMember()
    const env = {
      ETCDCTL_CA_FILE: files.trustedCaFile,
      ETCDCTL_CERT_FILE: files.certFile,
      ETCDCTL_KEY_FILE: files.keyFile,
    }
    expect(await muster(['healthcheck', '--url', url], env)).toMatchObject({ code: 0, stderr: '' })
    const own = { ETCD_LISTEN_CLIENT_URLS: url, ETCD_CERT_FILE: files.certFile, ETCD_KEY_FILE: files.keyFile }
    expect(await muster(['healthcheck'], own)).toMatchObject({ code: 0, stderr: '' })
  })

  test('members that --endpoints names are asked with the same files, and not trusted without', async () => {
    const { url, files } = await secureMember()
    const own = ['--cert', files.certFile, '--key', files.keyFile]
    const words = ['healthcheck', '--endpoints', url, ...own]
    expect(await muster([...words, '--cacert', files.trustedCaFile])).toMatchObject({ code: 0, stderr: '' })
    expect(await muster(words)).toMatchObject({ code: 1, stderr: expect.stringContaining('certificate') })
  })

  test('a member at a URL that was named is not trusted unless somebody vouches for it', async () => {
    const { url, files } = await secureMember()
    const { code, stderr } = await muster([
      'healthcheck',
      '--url',
      url,
      '--cert',
      files.certFile,
      '--key',
      files.keyFile,
    ])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^unhealthy: cannot ask: .*certificate/)
  })

  test('a file that is missing is named', async () => {
    const { url } = await secureMember()
    const { code, stderr } = await muster(['healthcheck', '--url', url, '--cacert', '/no/such/ca.pem'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^unhealthy: cannot ask: .*\/no\/such\/ca\.pem/)
  })
})

test('a command that it does not know ends it with status 3, as etcdctl, an option with 2', async () => {
  expect(await muster(['dance'])).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^No help topic for 'dance'\n/),
  })
  expect((await muster(['healthcheck', '--wrong'])).code).toBe(2)
})

test('whatever is wrong before the name of a command is answered with the help about all of them, and status 1', async () => {
  const { code, stdout, stderr } = await muster(['-x', 'get', '/a'])
  expect([code, stderr]).toEqual([1, 'flag provided but not defined: -x\n'])
  expect(stdout).toMatch(
    /^Incorrect Usage\. flag provided but not defined: -x\n\nUsage: muster [\s\S]*\n {2}healthcheck /,
  )
})

test('--help and --version end it with status 0', async () => {
  expect(await muster(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^muster \d+\.\d+/) })
  expect(await muster(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('healthcheck') })
})
