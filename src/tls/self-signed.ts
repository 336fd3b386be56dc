/**
 * Certificates of our own making, for `--auto-tls` and `--peer-auto-tls`.
 *
 * Owns: what such a certificate says, its two files and their modes. Source: the API page, section 11: ECDSA P-521, O=etcd,
 * 365 days, the hosts of the listen URLs, `cert.pem` (0644) and `key.pem` (0600), used again when they are there.
 */
import { generateKeyPair, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { access, mkdir, open, readFile, rename } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import * as x509 from '@peculiar/asn1-x509'

const DAY_MS = 86_400_000
const VALID_DAYS = 365
const CURVE = 'P-521'
const ECDSA_WITH_SHA512 = '1.2.840.10045.4.3.4'
const ORGANIZATION = '2.5.4.10'
const LOOPBACK = /^(127\..*|::1)$/

export interface PairFiles {
  readonly certFile: string
  readonly keyFile: string
}

/**
 * The pair in `folder`, which is made with mode 0700 when it is missing. A pair that is whole and has not expired is left as
 * it is; otherwise a new one takes its place.
 *
 * @param hosts addresses and names for which it shall be good
 * @param nowMs wall clock
 */
export async function ownPair(folder: string, hosts: readonly string[], nowMs: number): Promise<PairFiles> {
  const files: PairFiles = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') }
  if (await isUsable(files, nowMs)) return files
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { cert, key } = await makePair(hosts, nowMs)
  // The key first: a certificate without its key would be taken for a pair that somebody has damaged.
  await writeWhole(files.keyFile, key, 0o600)
  await writeWhole(files.certFile, cert, 0o644)
  return files
}

/** Damaged files are left to those who read them: what is wrong with them is for the operator to hear. */
async function isUsable({ certFile, keyFile }: PairFiles, nowMs: number): Promise<boolean> {
  try {
    await access(keyFile)
    return new X509Certificate(await readFile(certFile)).validToDate.getTime() > nowMs
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
  }
}

/** Others see the old file or the new one, whole. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const passing = `${path}.new`
  const handle = await open(passing, 'w', mode)
  try {
    await handle.chmod(mode)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(passing, path)
}

/** A key and a certificate that it signs itself, in PEM. */
async function makePair(
  hosts: readonly string[],
  nowMs: number,
): Promise<{ readonly cert: string; readonly key: string }> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: CURVE })
  const tbsCertificate = describe(publicKey, hosts, nowMs)
  const signatureAlgorithm = new x509.AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA512 })
  const signature = sign('sha512', Buffer.from(AsnConvert.serialize(tbsCertificate)), privateKey)
  const certificate = new x509.Certificate({ tbsCertificate, signatureAlgorithm, signatureValue: buffered(signature) })
  const der = Buffer.from(AsnConvert.serialize(certificate))
  return {
    cert: new X509Certificate(der).toString(),
    key: privateKey.export({ type: 'sec1', format: 'pem' }) as string,
  }
}

function describe(publicKey: KeyObject, hosts: readonly string[], nowMs: number): x509.TBSCertificate {
  const name = new x509.Name([
    new x509.RelativeDistinguishedName([
      new x509.AttributeTypeAndValue({
        type: ORGANIZATION,
        value: new x509.AttributeValue({ printableString: 'etcd' }),
      }),
    ]),
  ])
  const usage = x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment
  const serial = randomBytes(16)
  // A serial number is positive, and its shortest form begins with no zero.
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40
  return new x509.TBSCertificate({
    version: x509.Version.v3,
    serialNumber: buffered(serial),
    signature: new x509.AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA512 }),
    issuer: name,
    subject: name,
    validity: new x509.Validity({
      notBefore: new Date(nowMs),
      notAfter: new Date(nowMs + VALID_DAYS * DAY_MS),
    }),
    subjectPublicKeyInfo: AsnConvert.parse(
      publicKey.export({ type: 'spki', format: 'der' }),
      x509.SubjectPublicKeyInfo,
    ),
    extensions: new x509.Extensions([
      extension(x509.id_ce_keyUsage, true, new x509.KeyUsage(usage)),
      extension(
        x509.id_ce_extKeyUsage,
        false,
        new x509.ExtendedKeyUsage([x509.id_kp_serverAuth, x509.id_kp_clientAuth]),
      ),
      extension(x509.id_ce_basicConstraints, true, new x509.BasicConstraints({ cA: false })),
      extension(x509.id_ce_subjectAltName, false, new x509.SubjectAlternativeName(alternativeNames(hosts))),
    ]),
  })
}

/** Who listens on the loopback is also reached as `localhost`, which the listen URLs no longer say. */
function alternativeNames(hosts: readonly string[]): x509.GeneralName[] {
  const all = new Set(hosts)
  if (hosts.some((host) => LOOPBACK.test(host))) all.add('localhost')
  return [...all].map((host) => new x509.GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host }))
}

function extension(id: string, critical: boolean, value: object): x509.Extension {
  return new x509.Extension({ extnID: id, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

/** The bytes alone: small buffers of Node.js are views of a larger one. */
function buffered(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
