/**
 * What the failure of a handshake means, in words that an operator can act by.
 *
 * Owns: the tables from codes and alerts to reasons. "It" is the other side. Leaves to others: when to say them.
 */

const UNKNOWN_AUTHORITY = 'its certificate comes from an authority that is not trusted here'
const NOT_TLS = 'it does not speak TLS'
export const TOOK_TOO_LONG = 'the handshake took too long'

/** By the code of the error: verdicts on what the other side showed, and what could not be agreed on. */
const BY_CODE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate was revoked',
  CERT_SIGNATURE_FAILURE: 'its certificate comes from an authority that has the name of a trusted one, and another key',
  CRL_HAS_EXPIRED: 'the revocation list of this member has expired, and nobody can be trusted without one',
  CRL_NOT_YET_VALID: 'the revocation list of this member is not valid yet',
  CRL_SIGNATURE_FAILURE: 'the revocation list of this member is not signed by the authority of its certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself, and not by an authority that is trusted here',
  ERR_SSL_HTTP_REQUEST: 'it speaks plain HTTP where TLS is spoken',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'it offers HTTP/2 alone',
  ERR_SSL_NO_SHARED_CIPHER: 'the two have no cipher suite in common',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it showed no certificate, and has to',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it is too old for TLS 1.2',
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_TLS_HANDSHAKE_TIMEOUT: TOOK_TOO_LONG,
  INVALID_PURPOSE: 'the extended key usage of its certificate does not allow this use (clientAuth, serverAuth)',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_CRL: 'there is no revocation list here from the authority of its certificate',
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
}

/** By the alert that the other side sent: what it thought of ours. */
const BY_ALERT: Readonly<Record<string, string>> = {
  'bad certificate': 'it refuses our certificate',
  'certificate expired': 'to it, our certificate has expired',
  'certificate required': 'it wants a certificate of ours, and there is none',
  'certificate revoked': 'to it, our certificate was revoked',
  'certificate unknown': 'it refuses our certificate',
  'handshake failure': 'the two have no cipher suite in common, or it wants a certificate of ours',
  'no application protocol': 'it does not speak HTTP/1.1',
  'protocol version': 'the two have no version of TLS in common',
  'unknown ca': 'it does not trust the authority of our certificate',
}

/** Why the handshake failed; undefined when `error` does not tell of one: the network failed, or somebody hung up. */
export function reasonOf(error: Error): string | undefined {
  const { code, reason } = error as Error & { readonly code?: unknown; readonly reason?: unknown }
  if (typeof code !== 'string') return undefined
  const known = BY_CODE[code]
  if (known !== undefined) return known
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is for another host: ${String(reason)}`
  if (code === 'CERT_NOT_ALLOWED') return `its certificate is not allowed: ${error.message}`
  if (!code.startsWith('ERR_SSL_') && !code.startsWith('ERR_TLS_')) return undefined
  const alert = /alert (.*)$/.exec(String(reason))?.[1]
  return (alert === undefined ? undefined : BY_ALERT[alert]) ?? String(reason ?? error.message)
}

/** The same for a verdict alone, as `TLSSocket.authorizationError` holds it. */
export function verdictReason(code: string): string {
  return BY_CODE[code] ?? `its certificate does not hold (${code})`
}
