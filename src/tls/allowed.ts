/**
 * Whether a certificate that is in order is also one of those that are allowed here.
 *
 * Owns: the rules of `--peer-cert-allowed-cn`, `--peer-cert-allowed-hostname` and `--client-cert-allowed-hostname`. Both
 * ends of a connection between members are held to them, as in etcd.
 */
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { TlsConfig } from '../config/config.ts'

/** Why the certificate is not allowed; undefined when it is. */
export function whyNotAllowed(settings: TlsConfig, certificate: PeerCertificate): string | undefined {
  const { allowedCn, allowedHostname } = settings
  if (allowedCn !== '') {
    const names = [certificate.subject?.CN ?? []].flat()
    // Of several common names Go takes the last, so a certificate cannot smuggle one in.
    if (names.at(-1) !== allowedCn) return `its common name is "${names.at(-1) ?? ''}" and has to be "${allowedCn}"`
  }
  if (allowedHostname !== '' && checkServerIdentity(allowedHostname, certificate) !== undefined) {
    return `it is for ${certificate.subjectaltname ?? 'no host'} and has to be for "${allowedHostname}"`
  }
  return undefined
}
