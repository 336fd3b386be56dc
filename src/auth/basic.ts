/**
 * The `Authorization` header: HTTP Basic, read as strictly as Go does.
 */

/** Who somebody says to be, and the proof. */
export interface Credentials {
  readonly user: string
  /** Bytes as sent. */
  readonly password: Buffer
}

const SCHEME = /^basic /i
/** Base64 of the usual alphabet with its padding; nothing else may be in it. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Reads a header's value. Undefined: it is of another scheme, or malformed. */
export function parseBasic(header: string): Credentials | undefined {
  if (!SCHEME.test(header)) return undefined
  const encoded = header.slice('basic '.length)
  if (!BASE64.test(encoded)) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  const colon = bytes.indexOf(58)
  if (colon < 0) return undefined
  return { user: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) }
}

/** The usual header for credentials: one text for each name and password, as nearly all clients write it. */
export function formatBasic({ user, password }: Credentials): string {
  return `Basic ${Buffer.concat([Buffer.from(`${user}:`), password]).toString('base64')}`
}
