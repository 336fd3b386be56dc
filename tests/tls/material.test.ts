/** What is wrong with a file of certificates is said in one sentence that names it. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TlsConfig } from '../../src/config/config.ts'
import { readMaterial, stampOf } from '../../src/tls/material.ts'
import { TlsError } from '../../src/tls/settings.ts'
import { encryptedKey, TestAuthority, writePair } from '../support/certificates.ts'
import { scratchDir } from '../support/scratch.ts'
import { NO_TLS } from '../support/tls-rig.ts'

const authority = new TestAuthority()
const pair = authority.issue()
const other = authority.issue()

async function settingsIn(folder: string): Promise<TlsConfig> {
  return { ...NO_TLS, ...(await authority.writeSide(folder)) }
}

async function refusal(settings: TlsConfig): Promise<string> {
  try {
    await readMaterial('client', settings)
  } catch (error) {
    expect(error).toBeInstanceOf(TlsError)
    expect(error).toMatchObject({ code: 'MUSTER_TLS_FILE' })
    return (error as TlsError).message
  }
  return 'nothing'
}

test('a pair, an authority and a list become a context', async () => {
  const folder = await scratchDir()
  const settings = { ...(await settingsIn(folder)), crlFile: join(folder, 'crl.pem') }
  await writeFile(settings.crlFile, authority.revocations([other]))
  const material = await readMaterial('peer', settings)
  expect(material.leaf?.subject).toBe('CN=member')
  expect(material.options.ca).toHaveLength(1)
})

test('a list in DER is understood', async () => {
  const folder = await scratchDir()
  const settings = { ...(await settingsIn(folder)), crlFile: join(folder, 'crl.der') }
  await writeFile(settings.crlFile, authority.revocationsDer([other]))
  expect((await readMaterial('client', settings)).options.crl).toHaveLength(1)
})

test('a chain keeps its order, and certificate and key may share a file', async () => {
  const folder = await scratchDir()
  const path = join(folder, 'all.pem')
  await writeFile(path, `some words\n${pair.cert}\n${authority.cert}\n${pair.key}`)
  const material = await readMaterial('client', { ...NO_TLS, certFile: path, keyFile: path })
  expect(material.leaf?.subject).toBe('CN=member')
  expect(String(material.options.cert).match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
})

describe('one sentence names the file, the flag and the reason when', () => {
  test.for([
    ['the certificate does not exist', 'cert.pem', undefined, '(--cert-file) does not exist'],
    ['the key does not exist', 'key.pem', undefined, '(--key-file) does not exist'],
    ['the certificate is no PEM', 'cert.pem', 'hello', '(--cert-file) holds no certificate in PEM'],
    ['the certificate is empty', 'cert.pem', '', '(--cert-file) holds no certificate in PEM'],
    [
      'half of the certificate is there',
      'cert.pem',
      pair.cert.slice(0, 300),
      '(--cert-file) holds no certificate in PEM',
    ],
    [
      'the certificate is damaged',
      'cert.pem',
      pair.cert.replace(/\n.{64}\n/, '\n'),
      '(--cert-file) holds a certificate that is damaged (number 1)',
    ],
    ['the key is no PEM', 'key.pem', pair.cert, '(--key-file) holds no private key in PEM'],
    [
      'the key is damaged',
      'key.pem',
      pair.key.replace(/\n.{20}/, '\n'),
      '(--key-file) holds a private key that is damaged',
    ],
    [
      'the key is encrypted',
      'key.pem',
      encryptedKey(),
      '(--key-file) is encrypted, and there is nobody to ask for the passphrase: decrypt it',
    ],
    ['the authority is no PEM', 'ca.pem', pair.key, '(--trusted-ca-file) holds no certificate in PEM'],
  ] as const)('%s', async ([_what, name, content, reason]) => {
    const folder = await scratchDir()
    const settings = await settingsIn(folder)
    if (content !== undefined) await writeFile(join(folder, name), content)
    const path = join(folder, content === undefined ? `no-${name}` : name)
    const missing = { 'cert.pem': { certFile: path }, 'key.pem': { keyFile: path } }[name as string]
    expect(await refusal({ ...settings, ...missing })).toBe(`${path} ${reason}`)
  })

  test('the key is that of another certificate', async () => {
    const folder = await scratchDir()
    const { certFile, keyFile } = await writePair(folder, { cert: pair.cert, key: other.key })
    expect(await refusal({ ...NO_TLS, certFile, keyFile })).toBe(
      `${keyFile} (--key-file) is not the key of the certificate in ${certFile}`,
    )
  })

  test('the list is none', async () => {
    const folder = await scratchDir()
    const settings = { ...(await settingsIn(folder)), crlFile: join(folder, 'crl.pem') }
    await writeFile(settings.crlFile, pair.cert)
    expect(await refusal(settings)).toBe(
      `${settings.crlFile} (--client-crl-file) holds no revocation list in PEM or DER`,
    )
    await writeFile(settings.crlFile, Buffer.from([0x30, 3, 1, 2, 3]))
    expect(await refusal(settings)).toContain(
      `${settings.crlFile} (--client-crl-file) holds a revocation list that is damaged`,
    )
  })

  test('a folder stands where a file should', async () => {
    const folder = await scratchDir()
    const settings = await settingsIn(folder)
    await mkdir(join(folder, 'sub'))
    expect(await refusal({ ...settings, certFile: join(folder, 'sub') })).toMatch(/is not a regular file$/)
  })

  test('a file is longer than any is', async () => {
    const folder = await scratchDir()
    const settings = await settingsIn(folder)
    await writeFile(settings.trustedCaFile, Buffer.alloc(16 * 1024 * 1024 + 1, 0x20))
    expect(await refusal(settings)).toMatch(/is larger than 16777216 bytes$/)
  })

  test.skipIf(process.getuid?.() === 0)('this user may not read it (skipped for root, who may)', async () => {
    const folder = await scratchDir()
    const settings = await settingsIn(folder)
    await chmod(settings.keyFile, 0)
    expect(await refusal(settings)).toBe(`${settings.keyFile} (--key-file) may not be read by this user`)
  })

  test('a peer flag is meant', async () => {
    const settings = { ...NO_TLS, certFile: '/no/such/cert.pem', keyFile: '/no/such/key.pem' }
    await expect(readMaterial('peer', settings)).rejects.toThrow('/no/such/cert.pem (--peer-cert-file) does not exist')
  })
})

test('cipher suites go by the names of Go, and unknown ones are refused', async () => {
  const settings = await settingsIn(await scratchDir())
  const suites = ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256']
  const material = await readMaterial('client', { ...settings, cipherSuites: suites })
  expect(material.options.ciphers?.split(':')[0]).toBe('ECDHE-ECDSA-AES128-GCM-SHA256')
  await expect(readMaterial('client', { ...settings, cipherSuites: ['TLS_NONE'] })).rejects.toMatchObject({
    code: 'MUSTER_TLS_SETTINGS',
    message: 'unexpected TLS cipher suite "TLS_NONE"',
  })
})

test('a stamp changes with a file, and is the same while nobody touches it', async () => {
  const { certFile } = await settingsIn(await scratchDir())
  const files = [
    { flag: '--cert-file', path: certFile },
    { flag: '--key-file', path: '/no/such/file' },
  ]
  const before = await stampOf(files)
  expect(await stampOf(files)).toBe(before)
  await writeFile(certFile, authority.issue().cert)
  expect(await stampOf(files)).not.toBe(before)
})
