/**
 * From files to certificates: reading them, and saying in one sentence what is wrong with which.
 *
 * Owns: reading, parsing, and whether the parts fit together. Leaves to others: when to read (`files.ts`).
 */
import { constants, createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { TlsConfig } from '../config/config.ts'
import { opensslCiphers } from './ciphers.ts'
import { flagOf, TLS_LIMITS, TlsError, type TlsRole } from './settings.ts'

const PEM_CERTIFICATE = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g
const PEM_CRL = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g
/** The tag of an ASN.1 sequence: how a list that is not PEM begins. */
const DER_SEQUENCE = 0x30

/** One of the four files of a side. */
export interface TlsFile {
  /** The flag that named it. */
  readonly flag: string
  readonly path: string
}

/** Everything that a side of TLS consists of, read at one time. */
export interface Material {
  /** As `tls.createSecureContext` and `Server.setSecureContext` take it. */
  readonly options: SecureContextOptions
  /** Made from `options`, for dialling. */
  readonly context: SecureContext
  /** The first certificate of the file; undefined without one, for a side that only dials. */
  readonly leaf: X509Certificate | undefined
  /** Over all contents: equal contents, equal fingerprint. */
  readonly fingerprint: string
}

/** The files of a side that are given. */
export function filesOf(role: TlsRole, settings: TlsConfig): readonly TlsFile[] {
  const files: TlsFile[] = [
    { flag: flagOf(role, 'cert-file'), path: settings.certFile },
    { flag: flagOf(role, 'key-file'), path: settings.keyFile },
    { flag: flagOf(role, 'trusted-ca-file'), path: settings.trustedCaFile },
    { flag: flagOf(role, 'crl-file'), path: settings.crlFile },
  ]
  return files.filter(({ path }) => path !== '')
}

/**
 * What distinguishes the files from what they were: identity, size and times of what each path leads to. Follows links, so
 * that a swapped link to a folder of files is seen. Never throws; a file that is missing is a state like any other.
 */
export async function stampOf(files: readonly TlsFile[]): Promise<string> {
  const stamps = await Promise.all(
    files.map(async ({ path }) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
        return `${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs}`
      } catch (error) {
        return codeOf(error)
      }
    }),
  )
  return stamps.join(' ')
}

/**
 * Reads the files of a side.
 *
 * @throws TlsError MUSTER_TLS_FILE: one cannot be read or does not hold what it should, or certificate and key do not fit.
 * MUSTER_TLS_SETTINGS: a cipher suite is unknown.
 */
export async function readMaterial(role: TlsRole, settings: TlsConfig): Promise<Material> {
  const [certFile, keyFile, caFile, crlFile] = (['cert-file', 'key-file', 'trusted-ca-file', 'crl-file'] as const).map(
    (setting, at): TlsFile => ({ flag: flagOf(role, setting), path: pathsOf(settings)[at] as string }),
  ) as [TlsFile, TlsFile, TlsFile, TlsFile]
  // One after the other: of several files that are wrong, the same one is named every time.
  const cert = await readBytes(certFile)
  const key = await readBytes(keyFile)
  const ca = await readBytes(caFile)
  const crl = await readBytes(crlFile)
  const chain = cert === undefined ? [] : certificatesIn(certFile, cert)
  const leaf = chain[0]
  const privateKey = key === undefined ? undefined : privateKeyIn(keyFile, key)
  if (leaf !== undefined && privateKey !== undefined && !leaf.checkPrivateKey(privateKey)) {
    throw fileError(keyFile, `is not the key of the certificate in ${certFile.path}`)
  }
  const ciphers = opensslCiphers(settings.cipherSuites)
  const options: SecureContextOptions = {
    minVersion: 'TLSv1.2',
    // As in Go: whom a connection belongs to does not change in its middle.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(leaf === undefined ? {} : { cert: chain.join('\n') }),
    ...(privateKey === undefined ? {} : { key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }),
    ...(ca === undefined ? systemRoots(role, settings) : { ca: certificatesIn(caFile, ca).map(String) }),
    ...(crl === undefined ? {} : { crl: [...revocationsIn(crlFile, crl)] }),
    ...(ciphers === undefined ? {} : { ciphers }),
  }
  const context = makeContext(crlFile, certFile, options)
  const hash = createHash('sha256')
  for (const bytes of [cert, key, ca, crl]) hash.update(`${bytes?.length}:`).update(bytes ?? '')
  return { options, context, leaf, fingerprint: hash.digest('base64') }
}

function pathsOf({ certFile, keyFile, trustedCaFile, crlFile }: TlsConfig): readonly string[] {
  return [certFile, keyFile, trustedCaFile, crlFile]
}

/** Who vouches where no file says so: the library's list and, as for Go programs, the machine's. */
function systemRoots(role: TlsRole, settings: TlsConfig): SecureContextOptions {
  if (role === 'client' && !settings.clientCertAuth) return {}
  return { ca: [...new Set([...getCACertificates('default'), ...getCACertificates('system')])] }
}

async function readBytes(file: TlsFile): Promise<Buffer | undefined> {
  if (file.path === '') return undefined
  try {
    const handle = await open(file.path, 'r')
    try {
      const found = await handle.stat()
      if (!found.isFile()) throw fileError(file, 'is not a regular file')
      if (found.size > TLS_LIMITS.fileBytesMax) throw fileError(file, `is larger than ${TLS_LIMITS.fileBytesMax} bytes`)
      return await handle.readFile()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof TlsError) throw error
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'does not exist',
      EACCES: 'may not be read by this user',
      EISDIR: 'is a folder',
      ENOTDIR: 'does not exist',
    }
    throw fileError(file, reasons[codeOf(error)] ?? `cannot be read (${codeOf(error)})`, error)
  }
}

function certificatesIn(file: TlsFile, bytes: Buffer): readonly X509Certificate[] {
  const blocks = bytes.toString('latin1').match(PEM_CERTIFICATE)
  if (blocks === null) throw fileError(file, 'holds no certificate in PEM')
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw fileError(file, `holds a certificate that is damaged (number ${at + 1})`, error)
    }
  })
}

function privateKeyIn(file: TlsFile, bytes: Buffer): KeyObject {
  const text = bytes.toString('latin1')
  if (!/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/.test(text)) throw fileError(file, 'holds no private key in PEM')
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    throw fileError(file, 'is encrypted, and there is nobody to ask for the passphrase: decrypt it')
  }
  try {
    return createPrivateKey(bytes)
  } catch (error) {
    throw fileError(file, 'holds a private key that is damaged', error)
  }
}

/** Lists in PEM; a list in DER, as authorities publish them, is put into that form. */
function revocationsIn(file: TlsFile, bytes: Buffer): readonly string[] {
  const blocks = bytes.toString('latin1').match(PEM_CRL)
  if (blocks !== null) return blocks
  if (bytes[0] !== DER_SEQUENCE) throw fileError(file, 'holds no revocation list in PEM or DER')
  return [`-----BEGIN X509 CRL-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`]
}

/** What is left to fail are lists, since certificates and key were parsed, and certificates that OpenSSL finds too weak. */
function makeContext(crlFile: TlsFile, certFile: TlsFile, options: SecureContextOptions): SecureContext {
  try {
    const { crl: _, ...others } = options
    createSecureContext(others)
  } catch (error) {
    throw fileError(certFile, `cannot be used (${messageOf(error)})`, error)
  }
  try {
    return createSecureContext(options)
  } catch (error) {
    throw fileError(crlFile, `holds a revocation list that is damaged (${messageOf(error)})`, error)
  }
}

function fileError({ flag, path }: TlsFile, reason: string, cause?: unknown): TlsError {
  return new TlsError('MUSTER_TLS_FILE', `${path} (${flag}) ${reason}`, cause)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
