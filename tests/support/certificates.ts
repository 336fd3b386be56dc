/**
 * Certificates for tests, made while they run: authorities, what they vouch for, and what they revoked.
 *
 * Owns: the bytes of certificates and lists, and writing them to files. Asserts nothing.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import * as x509 from '@peculiar/asn1-x509'

export const HOUR_MS = 3_600_000
const ECDSA_WITH_SHA256 = new x509.AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' })
const COMMON_NAME = '2.5.4.3'

export interface TestPair {
  /** PEM. */
  readonly cert: string
  readonly key: string
  readonly serial: Buffer
}

export interface LeafOptions {
  readonly cn?: string
  /** Addresses and names; 127.0.0.1 and localhost when not given. */
  readonly hosts?: readonly string[]
  readonly validFromMs?: number
  readonly validToMs?: number
}

/** The files of one side, as the flags name them. */
export interface SideFiles {
  readonly certFile: string
  readonly keyFile: string
  readonly trustedCaFile: string
}

/** An authority with a key of its own. Two are equal in nothing, whatever they are called. */
export class TestAuthority {
  readonly cert: string
  readonly #name: x509.Name
  readonly #key: KeyObject

  constructor(cn = 'test authority') {
    const { publicKey, privateKey } = newKeys()
    this.#name = nameOf(cn)
    this.#key = privateKey
    const tbs = certificateBody(this.#name, this.#name, publicKey, randomSerial(), -HOUR_MS, 24 * HOUR_MS, [
      extension(x509.id_ce_basicConstraints, true, new x509.BasicConstraints({ cA: true })),
      extension(
        x509.id_ce_keyUsage,
        true,
        new x509.KeyUsage(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign),
      ),
    ])
    this.cert = signed(tbs, privateKey)
  }

  /** A certificate for server and client at once. Times are relative to now; an hour before to a day after when not given. */
  issue({ cn = 'member', hosts = ['127.0.0.1', 'localhost'], validFromMs, validToMs }: LeafOptions = {}): TestPair {
    const { publicKey, privateKey } = newKeys()
    const serial = randomSerial()
    const names = hosts.map((host) => new x509.GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host }))
    const usages = new x509.ExtendedKeyUsage([x509.id_kp_serverAuth, x509.id_kp_clientAuth])
    const extensions = [extension(x509.id_ce_extKeyUsage, false, usages)]
    if (names.length > 0) {
      extensions.push(extension(x509.id_ce_subjectAltName, false, new x509.SubjectAlternativeName(names)))
    }
    const tbs = certificateBody(
      this.#name,
      nameOf(cn),
      publicKey,
      serial,
      validFromMs ?? -HOUR_MS,
      validToMs ?? 24 * HOUR_MS,
      extensions,
    )
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    return { cert: signed(tbs, this.#key), key, serial }
  }

  /** A list of revoked certificates, in DER. @param nextUpdateMs relative to now */
  revocationsDer(revoked: readonly TestPair[], nextUpdateMs = HOUR_MS): Buffer {
    const tbsCertList = new x509.TBSCertList({
      version: x509.Version.v2,
      signature: ECDSA_WITH_SHA256,
      issuer: this.#name,
      thisUpdate: new x509.Time(new Date(Date.now() - 2 * HOUR_MS)),
      nextUpdate: new x509.Time(new Date(Date.now() + nextUpdateMs)),
      ...(revoked.length === 0
        ? {}
        : {
            revokedCertificates: revoked.map(
              ({ serial }) =>
                new x509.RevokedCertificate({
                  userCertificate: bytesOf(serial),
                  revocationDate: new x509.Time(new Date(Date.now() - HOUR_MS)),
                }),
            ),
          }),
    })
    const signature = bytesOf(sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertList)), this.#key))
    const list = new x509.CertificateList({ tbsCertList, signatureAlgorithm: ECDSA_WITH_SHA256, signature })
    return Buffer.from(AsnConvert.serialize(list))
  }

  /** The same in PEM. */
  revocations(revoked: readonly TestPair[], nextUpdateMs?: number): string {
    const der = this.revocationsDer(revoked, nextUpdateMs)
    return `-----BEGIN X509 CRL-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`
  }

  /** Writes a new leaf and this authority's own certificate to a folder, as one side of a member needs them. */
  async writeSide(folder: string, options: LeafOptions = {}): Promise<SideFiles> {
    const trustedCaFile = join(folder, 'ca.pem')
    await writeFile(trustedCaFile, this.cert)
    return { ...(await writePair(folder, this.issue(options))), trustedCaFile }
  }
}

/** Writes `cert.pem` and `key.pem`; each is replaced in one step. */
export async function writePair(
  folder: string,
  { cert, key }: Pick<TestPair, 'cert' | 'key'>,
): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const certFile = join(folder, 'cert.pem')
  const keyFile = join(folder, 'key.pem')
  for (const [path, text] of [
    [keyFile, key],
    [certFile, cert],
  ] as const) {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }
  return { certFile, keyFile }
}

/** The key of a pair, encrypted with a passphrase. */
export function encryptedKey(): string {
  const { privateKey } = newKeys()
  return privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }) as string
}

function newKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function nameOf(cn: string): x509.Name {
  const value = new x509.AttributeValue({ utf8String: cn })
  return new x509.Name([
    new x509.RelativeDistinguishedName([new x509.AttributeTypeAndValue({ type: COMMON_NAME, value })]),
  ])
}

function certificateBody(
  issuer: x509.Name,
  subject: x509.Name,
  publicKey: KeyObject,
  serial: Buffer,
  validFromMs: number,
  validToMs: number,
  extensions: x509.Extension[],
): x509.TBSCertificate {
  return new x509.TBSCertificate({
    version: x509.Version.v3,
    serialNumber: bytesOf(serial),
    signature: ECDSA_WITH_SHA256,
    issuer,
    subject,
    validity: new x509.Validity({
      notBefore: new Date(Date.now() + validFromMs),
      notAfter: new Date(Date.now() + validToMs),
    }),
    subjectPublicKeyInfo: AsnConvert.parse(
      publicKey.export({ type: 'spki', format: 'der' }),
      x509.SubjectPublicKeyInfo,
    ),
    extensions: new x509.Extensions(extensions),
  })
}

function signed(tbsCertificate: x509.TBSCertificate, key: KeyObject): string {
  const signatureValue = bytesOf(sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), key))
  const certificate = new x509.Certificate({ tbsCertificate, signatureAlgorithm: ECDSA_WITH_SHA256, signatureValue })
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString()
}

function extension(id: string, critical: boolean, value: object): x509.Extension {
  return new x509.Extension({ extnID: id, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

function randomSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40
  return serial
}

function bytesOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
