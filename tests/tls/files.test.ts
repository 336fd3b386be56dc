/** Certificates are read again when their files change; what cannot be used is named once and does no harm. */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TlsConfig } from '../../src/config/config.ts'
import { CertificateFiles } from '../../src/tls/files.ts'
import { HOUR_MS, TestAuthority, type TestPair, writePair } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { scratchDir } from '../support/scratch.ts'
import { NO_TLS, TlsLines } from '../support/tls-rig.ts'

const authority = new TestAuthority()

interface Opened {
  readonly files: CertificateFiles
  readonly log: TlsLines
  readonly changes: () => number
  serial(): string | undefined
}

async function open(settings: Partial<TlsConfig>, nowMs: () => number = Date.now): Promise<Opened> {
  const log = new TlsLines()
  const files = await CertificateFiles.open({ role: 'client', settings: { ...NO_TLS, ...settings }, log, nowMs })
  onTestFinished(() => files.close())
  let changes = 0
  files.onChange(() => {
    changes += 1
  })
  return { files, log, changes: () => changes, serial: () => files.material.leaf?.serialNumber.toLowerCase() }
}

function serialOf({ serial }: TestPair): string {
  return serial.toString('hex')
}

test('a new pair is taken, with a line that says until when it is good', async () => {
  const folder = await scratchDir()
  const { files, log, changes, serial } = await open(await writePair(folder, authority.issue()))
  const next = authority.issue()
  await writePair(folder, next)
  await files.look()
  expect(serial()).toBe(serialOf(next))
  expect(changes()).toBe(1)
  expect(log.lines).toMatchObject([
    { level: 'info', message: 'certificate files have changed: new connections use the new ones' },
  ])
  expect(log.lines[0]?.fields).toMatchObject({
    subject: 'CN=member',
    files: [join(folder, 'cert.pem'), join(folder, 'key.pem')],
  })
})

test('nobody has to ask: files are looked at by themselves', async () => {
  const folder = await scratchDir()
  const { serial } = await open(await writePair(folder, authority.issue()))
  const next = authority.issue()
  await writePair(folder, next)
  await eventually('the new pair', () => serial() === serialOf(next), 10_000)
})

test('a folder that is swapped by a link, as Kubernetes does it, is seen', async () => {
  const folder = await scratchDir()
  for (const name of ['one', 'two']) await mkdir(join(folder, name))
  await writePair(join(folder, 'one'), authority.issue())
  const next = authority.issue()
  await writePair(join(folder, 'two'), next)
  await symlink('one', join(folder, '..data'))
  await symlink('..data/cert.pem', join(folder, 'cert.pem'))
  await symlink('..data/key.pem', join(folder, 'key.pem'))
  const { files, serial } = await open({ certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') })
  await symlink('two', join(folder, '..data.new'))
  await rename(join(folder, '..data.new'), join(folder, '..data'))
  await files.look()
  expect(serial()).toBe(serialOf(next))
})

test('files that are only touched change nothing and are worth no line', async () => {
  const folder = await scratchDir()
  const pair = authority.issue()
  const { files, log, changes } = await open(await writePair(folder, pair))
  await writePair(folder, pair)
  await files.look()
  expect(changes()).toBe(0)
  expect(log.lines).toEqual([])
})

test('authorities and revocation lists are read again as well', async () => {
  const folder = await scratchDir()
  const side = await authority.writeSide(folder)
  const crlFile = join(folder, 'crl.pem')
  await writeFile(crlFile, authority.revocations([]))
  const { files, changes } = await open({ ...side, crlFile })
  await writeFile(side.trustedCaFile, authority.cert + new TestAuthority().cert)
  await files.look()
  expect(files.material.options.ca).toHaveLength(2)
  await writeFile(crlFile, authority.revocations([authority.issue()]))
  await files.look()
  expect(changes()).toBe(2)
})

describe('what cannot be used', () => {
  test.for([
    [
      'is half written',
      (folder: string, next: TestPair) => writeFile(join(folder, 'cert.pem'), next.cert.slice(0, 200)),
      /holds no certificate/,
    ],
    [
      'has another key',
      (folder: string, next: TestPair) => writeFile(join(folder, 'cert.pem'), next.cert),
      /is not the key of the certificate/,
    ],
    ['is gone', (folder: string) => rm(join(folder, 'key.pem')), /does not exist/],
  ] as const)('keeps the old pair when it %s, and is named in one line', async ([_what, spoil, reason]) => {
    const folder = await scratchDir()
    const first = authority.issue()
    const next = authority.issue()
    const { files, log, changes, serial } = await open(await writePair(folder, first))
    await spoil(folder, next)
    for (let looks = 0; looks < 4; looks++) await files.look()
    expect(serial()).toBe(serialOf(first))
    expect(changes()).toBe(0)
    expect(log.reasons('error')).toEqual([expect.stringMatching(reason)])
    expect(String(log.reasons('error')[0])).toContain(folder)

    await writePair(folder, next)
    await files.look()
    expect(serial()).toBe(serialOf(next))
  })

  test('is worth no line when it is in order at the next look: a pair is replaced one file after the other', async () => {
    const folder = await scratchDir()
    const next = authority.issue()
    const { files, log, serial } = await open(await writePair(folder, authority.issue()))
    await writeFile(join(folder, 'cert.pem'), next.cert)
    await files.look()
    await writeFile(join(folder, 'key.pem'), next.key)
    await files.look()
    expect(serial()).toBe(serialOf(next))
    expect(log.reasons('error')).toEqual([])
  })

  test('is an expired certificate in the place of one that is good', async () => {
    const folder = await scratchDir()
    const first = authority.issue()
    const { files, log, serial } = await open(await writePair(folder, first))
    await writePair(folder, authority.issue({ validToMs: -60_000 }))
    for (let looks = 0; looks < 3; looks++) await files.look()
    expect(serial()).toBe(serialOf(first))
    expect(log.reasons('error')).toEqual([
      expect.stringMatching(/^the certificate in .*cert\.pem \(--cert-file\) has expired at /),
    ])
  })
})

test('a certificate whose time has not come is used when it comes, without another change', async () => {
  let nowMs = Date.now()
  const folder = await scratchDir()
  const first = authority.issue()
  const next = authority.issue({ validFromMs: HOUR_MS, validToMs: 48 * HOUR_MS })
  const { files, log, serial } = await open(await writePair(folder, first), () => nowMs)
  await writePair(folder, next)
  for (let looks = 0; looks < 4; looks++) await files.look()
  expect(serial()).toBe(serialOf(first))
  expect(log.reasons('error')).toEqual([expect.stringMatching(/is not valid before /)])
  nowMs += 2 * HOUR_MS
  await files.look()
  expect(serial()).toBe(serialOf(next))
})

test('a certificate that has expired at the start is used all the same, with a line', async () => {
  const pair = authority.issue({ validToMs: -60_000 })
  const { log, serial } = await open(await writePair(await scratchDir(), pair))
  expect(serial()).toBe(serialOf(pair))
  expect(log.reasons('warn')).toEqual([expect.stringMatching(/cert\.pem \(--cert-file\) has expired at /)])
})

test('the end of a certificate in use is told once, when it comes', async () => {
  let nowMs = Date.now()
  const { files, log } = await open(await writePair(await scratchDir(), authority.issue()), () => nowMs)
  await files.look()
  expect(log.lines).toEqual([])
  nowMs += 25 * HOUR_MS
  for (let looks = 0; looks < 3; looks++) await files.look()
  expect(log.reasons('warn')).toEqual([expect.stringMatching(/has expired at /)])
})

test('a certificate that is not valid yet is named', async () => {
  const { log } = await open(await writePair(await scratchDir(), authority.issue({ validFromMs: HOUR_MS })))
  expect(log.reasons('warn')).toEqual([expect.stringMatching(/is not valid before /)])
})
