/**
 * What OpenSSL says of a connection that failed, in words that people know.
 *
 * Owns: which alerts refuse this side's certificate, and the answer of a server that speaks no TLS.
 */

/** Go's names of the alerts by which a server refuses a client for its certificate, or for having none. */
const REFUSALS: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: 'certificate required',
  BAD_CERTIFICATE: 'bad certificate',
  UNSUPPORTED_CERTIFICATE: 'unsupported certificate',
  CERTIFICATE_REVOKED: 'revoked certificate',
  CERTIFICATE_EXPIRED: 'expired certificate',
  CERTIFICATE_UNKNOWN: 'unknown certificate',
  UNKNOWN_CA: 'unknown certificate authority',
  ACCESS_DENIED: 'access denied',
}

/**
 * The alert by which a server refused this side's certificate, e.g. `certificate required`; else undefined. With TLS 1.3 it comes when
 * this side takes the connection for made and has sent a request on it; the server has read nothing of that.
 */
export function refusalOf(thrown: unknown): string | undefined {
  const [, name = ''] = /^ERR_SSL_.*_ALERT_(\w+)$/.exec(codeOf(thrown)) ?? []
  return Object.hasOwn(REFUSALS, name) ? REFUSALS[name] : undefined
}

/** Whether a server answered without TLS where TLS was spoken to it. */
export function isPlain(thrown: unknown): boolean {
  return codeOf(thrown) === 'ERR_SSL_WRONG_VERSION_NUMBER'
}

/** A sentence for either, which goes on after the name of the server; undefined: it is neither. */
export function tlsSentence(thrown: unknown): string | undefined {
  const refusal = refusalOf(thrown)
  if (refusal !== undefined) return `it does not let in whoever shows no certificate that it trusts (${refusal})`
  return isPlain(thrown) ? 'it speaks no TLS there: http:// rather than https://' : undefined
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
}
