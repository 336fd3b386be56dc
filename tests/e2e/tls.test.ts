/** TLS with real processes: clusters, tools, rotation under load, mistakes at the start. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Agent, request } from 'undici'
import { describe, expect, onTestFailed, test } from 'vitest'
import { type SideFiles, TestAuthority, writePair } from '../support/certificates.ts'
import { NODE, ROOT } from '../support/child.ts'
import { curl } from '../support/curl.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MUSTERD } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const run = promisify(execFile)
const ETCDCTL = ['/usr/bin/etcdctl', '/usr/local/bin/etcdctl'].find((path) => existsSync(path))

interface SecureMember {
  readonly child: ReturnType<typeof startChild>
  readonly url: string
}

/** Words for `musterd` that serve clients and members at these ports. */
function memberWords(
  name: string,
  folder: string,
  urls: Readonly<Record<'client' | 'peer', string>>,
): readonly string[] {
  return [
    ...['--name', name, '--data-dir', join(folder, 'data')],
    ...['--listen-client-urls', urls.client, '--advertise-client-urls', urls.client],
    ...['--listen-peer-urls', urls.peer, '--initial-advertise-peer-urls', urls.peer],
  ]
}

function sideWords(prefix: '' | 'peer-', files: SideFiles): readonly string[] {
  return [
    ...[`--${prefix}cert-file`, files.certFile, `--${prefix}key-file`, files.keyFile],
    ...[`--${prefix}trusted-ca-file`, files.trustedCaFile, `--${prefix}client-cert-auth`],
  ]
}

function startMusterd(words: readonly string[]): ReturnType<typeof startChild> {
  const child = startChild(NODE, [MUSTERD, ...words])
  onTestFailed(() => console.error(child.stdout + child.stderr))
  return child
}

/** Members with mutual TLS everywhere; `makeWords` may add what differs. */
async function startMembers(folder: string, authority: TestAuthority, count: number): Promise<readonly SecureMember[]> {
  const plans = []
  for (let at = 1; at <= count; at++) {
    const own = join(folder, `m${at}`)
    await mkdir(own, { recursive: true })
    const peer = `https://127.0.0.1:${await freePort()}`
    const client = `https://127.0.0.1:${await freePort()}`
    plans.push({ name: `m${at}`, own, peer, client, files: await authority.writeSide(own) })
  }
  const initial = plans.map(({ name, peer }) => `${name}=${peer}`).join(',')
  const members = plans.map(({ name, own, peer, client, files }) => {
    const words = [...memberWords(name, own, { client, peer }), '--initial-cluster', initial]
    return { child: startMusterd([...words, ...sideWords('', files), ...sideWords('peer-', files)]), url: client }
  })
  await Promise.all(members.map(({ child }) => child.untilOutput(/^musterd is ready: .*https:.*https:.*$/m)))
  return members
}

describe('three members with certificates on every connection', () => {
  test('serve those who show one, and refuse and name those who do not', async () => {
    const folder = await scratchDir()
    const authority = new TestAuthority()
    const members = await startMembers(folder, authority, 3)
    const { certFile, keyFile, trustedCaFile } = await authority.writeSide(folder, { cn: 'client' })
    const words = ['--cacert', trustedCaFile, '--cert', certFile, '--key', keyFile]
    const [one, two] = members as [SecureMember, SecureMember]

    await curl(...words, `${one.url}/v2/keys/a`, '-XPUT', '-d', 'value=1')
    expect(await curl(...words, `${two.url}/v2/keys/a?quorum=true`)).toContain('"value":"1"')
    const listed = JSON.parse(await curl(...words, `${two.url}/v2/members`)) as {
      readonly members: readonly { readonly peerURLs: readonly string[]; readonly clientURLs: readonly string[] }[]
    }
    expect(listed.members.flatMap((member) => [...member.peerURLs, ...member.clientURLs])).toHaveLength(6)
    for (const member of listed.members) expect(member.clientURLs[0]).toMatch(/^https:/)

    await expect(curl('--cacert', trustedCaFile, `${one.url}/version`)).rejects.toThrow()
    await one.child.untilOutput(/closed a connection: its TLS handshake failed .*it showed no certificate, and has to/)
    await expect(curl(`${one.url.replace('https:', 'http:')}/version`)).rejects.toThrow(/Empty reply|reset/)

    const health = await run(NODE, [join(ROOT, 'bin', 'muster.ts'), 'healthcheck', '--url', one.url, ...words])
    expect(health.stdout).toMatch(/^healthy: https:/)
  })

  test.skipIf(ETCDCTL === undefined)('serve etcdctl (skipped where it is not installed)', async () => {
    const folder = await scratchDir()
    const authority = new TestAuthority()
    const [one] = (await startMembers(folder, authority, 1)) as [SecureMember]
    const { certFile, keyFile, trustedCaFile } = await authority.writeSide(folder, { cn: 'client' })
    const etcdctl = async (...words: readonly string[]): Promise<string> => {
      const files = ['--ca-file', trustedCaFile, '--cert-file', certFile, '--key-file', keyFile]
      const env = { PATH: process.env['PATH'], ETCDCTL_API: '2' }
      const { stdout } = await run(ETCDCTL as string, ['--endpoint', one.url, ...files, ...words], { env })
      return stdout
    }
    expect(await etcdctl('set', '/a', 'hello')).toBe('hello\n')
    expect(await etcdctl('get', '/a')).toBe('hello\n')
    expect(await etcdctl('cluster-health')).toContain('cluster is healthy')
  })

  test('get new certificates under load, and no request on a new connection fails', async () => {
    const folder = await scratchDir()
    const authority = new TestAuthority()
    const members = await startMembers(folder, authority, 3)
    const own = authority.issue({ cn: 'client' })
    let failures = 0
    let answers = 0
    let isOver = false
    const load = members.map(async ({ url }, at) => {
      while (!isOver) {
        const agent = new Agent({
          pipelining: 0,
          connect: { ca: authority.cert, cert: own.cert, key: own.key, maxCachedSessions: 0 },
        })
        try {
          const answer = await request(`${url}/v2/keys/k${at}`, {
            method: 'PUT',
            body: 'value=1',
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            dispatcher: agent,
          })
          await answer.body.text()
          if (answer.statusCode >= 300) failures += 1
          answers += 1
        } catch (error) {
          console.error(error)
          failures += 1
        } finally {
          await agent.destroy()
        }
      }
    })
    await eventually('some answers', () => answers > 10)
    for (let round = 0; round < 2; round++) {
      for (const at of [1, 2, 3]) await writePair(join(folder, `m${at}`), authority.issue({ cn: `round ${round}` }))
      await Promise.all(
        members.map(({ child }) =>
          child.untilOutput(new RegExp(`certificate files have changed: new .*tls=client.*round ${round}`)),
        ),
      )
      const seen = answers
      await eventually('more answers', () => answers > seen + 10)
    }
    isOver = true
    await Promise.all(load)
    expect(failures).toBe(0)
    expect(answers).toBeGreaterThan(30)
  })
})

test('members reach each other over certificates of their own making, and http stands beside https', async () => {
  const folder = await scratchDir()
  const plans = []
  for (const name of ['m1', 'm2', 'm3']) {
    const ports = [await freePort(), await freePort(), await freePort()]
    const [peer, client, plain] = ports.map((port, at) => `http${at < 2 ? 's' : ''}://127.0.0.1:${port}`)
    plans.push({ name, peer: peer as string, client: client as string, plain: plain as string })
  }
  const metrics = `https://127.0.0.1:${await freePort()}`
  const initial = plans.map(({ name, peer }) => `${name}=${peer}`).join(',')
  const children = plans.map(({ name, peer, client, plain }) =>
    startMusterd([
      ...memberWords(name, join(folder, name), { client: `${client},${plain}`, peer }),
      ...['--initial-cluster', initial, '--auto-tls', '--peer-auto-tls'],
      ...(name === 'm1' ? ['--listen-metrics-urls', metrics] : []),
    ]),
  )
  await Promise.all(
    children.map((child) => child.untilOutput(/^musterd is ready: .*at https:.*, http:.*at https:.*$/m)),
  )
  const [one, two] = plans as [(typeof plans)[0], (typeof plans)[0]]
  const fixtures = join(folder, 'm1', 'data', 'fixtures')
  const cert = join(fixtures, 'client', 'cert.pem')
  await curl('--cacert', cert, `${one.client}/v2/keys/a`, '-XPUT', '-d', 'value=1')
  expect(await curl(`${two.plain}/v2/keys/a?quorum=true`)).toContain('"value":"1"')
  expect(await curl('--cacert', cert, `${metrics}/metrics`)).toContain('etcd_server_has_leader 1')
  expect(await readFile(join(fixtures, 'peer', 'cert.pem'), 'utf8')).not.toBe(await readFile(cert, 'utf8'))

  // The address comes from the environment and is this machine's own: nobody has to vouch for it.
  const env = { PATH: process.env['PATH'], MUSTER_LISTEN_CLIENT_URLS: one.client }
  const health = await run(NODE, [join(ROOT, 'bin', 'muster.ts'), 'healthcheck'], { env })
  expect(health.stdout).toMatch(/^healthy: https:/)
})

describe('a start that cannot be ends with one sentence and status 1', () => {
  async function failedStart(
    words: (folder: string) => readonly string[],
  ): Promise<{ readonly code: number | null; readonly stderr: string; readonly folder: string; readonly url: string }> {
    const folder = await scratchDir()
    const url = `https://127.0.0.1:${await freePort()}`
    const urls = { client: url, peer: `http://127.0.0.1:${await freePort()}` }
    const child = startMusterd([...memberWords('m1', folder, urls), ...words(folder)])
    const { code } = await child.exited
    return { code, stderr: child.stderr, folder, url }
  }

  test('an https URL without a certificate', async () => {
    const { code, stderr, url } = await failedStart(() => [])
    expect(code).toBe(1)
    expect(stderr).toContain(
      `TLS key/cert (--cert-file, --key-file) must be provided for client url ${url} with HTTPS scheme\n`,
    )
  })

  test('an https URL for metrics without a certificate', async () => {
    const folder = await scratchDir()
    const urls = { client: `http://127.0.0.1:${await freePort()}`, peer: `http://127.0.0.1:${await freePort()}` }
    const metrics = `https://127.0.0.1:${await freePort()}`
    const child = startMusterd([...memberWords('m1', folder, urls), '--listen-metrics-urls', metrics])
    expect((await child.exited).code).toBe(1)
    expect(child.stderr).toBe(`musterd: cannot listen on TLS for ${metrics}: KeyFile and CertFile are not presented\n`)
  })

  test('a file that does not exist', async () => {
    const { code, stderr, folder } = await failedStart((own) => [
      ...['--cert-file', join(own, 'c.pem'), '--key-file', join(own, 'k.pem')],
    ])
    expect(code).toBe(1)
    expect(stderr).toBe(`musterd: ${join(folder, 'c.pem')} (--cert-file) does not exist\n`)
  })

  test('a key that does not fit', async () => {
    const authority = new TestAuthority()
    const other = await scratchDir()
    await writePair(other, { cert: authority.issue().cert, key: authority.issue().key })
    const { code, stderr } = await failedStart(() => [
      ...['--cert-file', join(other, 'cert.pem'), '--key-file', join(other, 'key.pem')],
    ])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^musterd: \S+key\.pem \(--key-file\) is not the key of the certificate in \S+cert\.pem\n$/)
  })
})

test('files without an https URL are warned of and ignored, also when they do not exist', async () => {
  const folder = await scratchDir()
  const urls = { client: `http://127.0.0.1:${await freePort()}`, peer: `http://127.0.0.1:${await freePort()}` }
  const child = startMusterd([
    ...memberWords('m1', folder, urls),
    ...['--cert-file', '/no/such/cert.pem', '--key-file', '/no/such/key.pem'],
  ])
  await child.untilOutput(/^musterd is ready: .*$/m)
  expect(child.stderr).toContain(
    `The scheme of client url ${urls.client} is HTTP while client key/cert files are presented. Ignored key/cert files.`,
  )
})

test('an expired certificate is named in the log when the member starts', async () => {
  const folder = await scratchDir()
  const authority = new TestAuthority()
  const files = await authority.writeSide(folder, { validToMs: -60_000 })
  const urls = { client: `https://127.0.0.1:${await freePort()}`, peer: `http://127.0.0.1:${await freePort()}` }
  const child = startMusterd([
    ...memberWords('m1', folder, urls),
    ...['--cert-file', files.certFile, '--key-file', files.keyFile],
  ])
  await child.untilOutput(/^musterd is ready: .*$/m)
  expect(child.stderr).toContain(`the certificate in ${files.certFile} (--cert-file) has expired at `)
  await writeFile(files.certFile, 'half a')
  await child.untilOutput(/certificate files have changed and cannot be used: .*holds no certificate in PEM/)
})
