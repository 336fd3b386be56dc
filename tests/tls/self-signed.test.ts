/** Pairs of our own making are what etcd makes, are kept, and are renewed when their time is over. */
import { X509Certificate } from 'node:crypto'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ownPair } from '../../src/tls/self-signed.ts'
import { HOUR_MS, TestAuthority } from '../support/certificates.ts'
import { scratchDir } from '../support/scratch.ts'
import { openRig, serve, visit } from '../support/tls-rig.ts'

const YEAR_MS = 365 * 24 * HOUR_MS

async function certificateIn(folder: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(join(folder, 'cert.pem')))
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777
}

test('a pair says what etcd would say', async () => {
  const folder = join(await scratchDir(), 'fixtures', 'client')
  const nowMs = Date.now()
  await ownPair(folder, ['127.0.0.1', 'fe80::1', 'one.example'], nowMs)
  const certificate = await certificateIn(folder)
  expect(certificate.subject).toBe('O=etcd')
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('secp521r1')
  expect(certificate.subjectAltName).toBe(
    'IP Address:127.0.0.1, IP Address:FE80:0:0:0:0:0:0:1, DNS:one.example, DNS:localhost',
  )
  expect(certificate.validToDate.getTime() - certificate.validFromDate.getTime()).toBe(YEAR_MS)
  expect(Math.abs(certificate.validFromDate.getTime() - nowMs)).toBeLessThan(1_000)
  expect(await readFile(join(folder, 'key.pem'), 'utf8')).toMatch(/^-----BEGIN EC PRIVATE KEY-----/)
})

test('the modes of files and folder let nobody else read the key', async () => {
  const folder = join(await scratchDir(), 'fixtures', 'peer')
  const { certFile, keyFile } = await ownPair(folder, ['127.0.0.1'], Date.now())
  expect(await modeOf(certFile)).toBe(0o644)
  expect(await modeOf(keyFile)).toBe(0o600)
  expect(await modeOf(folder)).toBe(0o700)
})

test('a pair that is there is used again until it has expired', async () => {
  const folder = await scratchDir()
  const nowMs = Date.now()
  await ownPair(folder, ['127.0.0.1'], nowMs)
  const first = (await certificateIn(folder)).serialNumber
  await ownPair(folder, ['127.0.0.1'], nowMs + YEAR_MS - HOUR_MS)
  expect((await certificateIn(folder)).serialNumber).toBe(first)
  await ownPair(folder, ['127.0.0.1'], nowMs + YEAR_MS + HOUR_MS)
  expect((await certificateIn(folder)).serialNumber).not.toBe(first)
})

test.for(['cert.pem', 'key.pem'])('a pair that has lost its %s is made anew', async (name) => {
  const folder = await scratchDir()
  await ownPair(folder, ['127.0.0.1'], Date.now())
  const first = (await certificateIn(folder)).serialNumber
  await rm(join(folder, name))
  await ownPair(folder, ['127.0.0.1'], Date.now())
  expect((await certificateIn(folder)).serialNumber).not.toBe(first)
})

test('a pair that somebody has damaged is not replaced but named', async () => {
  const ownFolder = await scratchDir()
  await ownPair(ownFolder, ['127.0.0.1'], Date.now())
  await writeFile(join(ownFolder, 'cert.pem'), 'hello')
  await expect(openRig({ auto: true }, { ownFolder })).rejects.toThrow(/cert\.pem .* holds no certificate in PEM$/)
})

test('a client that is given the certificate trusts it, by address and as localhost', async () => {
  const ownFolder = await scratchDir()
  const { side } = await openRig({ auto: true }, { ownFolder })
  const port = await serve(side)
  const ca = await readFile(join(ownFolder, 'cert.pem'))
  expect(await visit(port, { ca })).toMatchObject({ body: 'hello', error: undefined })
  expect(await visit(port, { ca, servername: 'localhost' })).toMatchObject({ body: 'hello', error: undefined })
})

test('a certificate that is given goes before one of our own', async () => {
  const ownFolder = join(await scratchDir(), 'fixtures')
  const authority = new TestAuthority()
  const files = await authority.writeSide(await scratchDir())
  const { side } = await openRig({ certFile: files.certFile, keyFile: files.keyFile, auto: true }, { ownFolder })
  expect(await visit(await serve(side), { ca: authority.cert })).toMatchObject({ body: 'hello' })
  await expect(stat(ownFolder)).rejects.toThrow('ENOENT')
})

test('a pair that expires while it is in use is renewed', async () => {
  const ownFolder = await scratchDir()
  let nowMs = Date.now()
  const { side } = await openRig({ auto: true }, { ownFolder, nowMs: () => nowMs })
  const port = await serve(side)
  const before = await visit(port, { rejectUnauthorized: false })
  nowMs += YEAR_MS + HOUR_MS
  await side.look()
  const after = await visit(port, { rejectUnauthorized: false })
  expect(after.body).toBe('hello')
  expect(after.serial).not.toBe(before.serial)
})

test('members with pairs of their own making reach each other', async () => {
  const one = await openRig({ auto: true }, { role: 'peer', ownFolder: await scratchDir() })
  const two = await openRig({ auto: true }, { role: 'peer', ownFolder: await scratchDir() })
  expect(await visit(await serve(one.side), two.side.connectOptions())).toMatchObject({ body: 'hello' })
})

test('checking the certificates that members make themselves is refused, for nobody vouches for them', async () => {
  await expect(openRig({ auto: true, clientCertAuth: true }, { role: 'peer' })).rejects.toMatchObject({
    code: 'MUSTER_TLS_SETTINGS',
  })
})
