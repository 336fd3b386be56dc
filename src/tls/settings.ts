/**
 * What the settings of one side come to, and what TLS says when they cannot be had: limits, the error.
 *
 * Owns: the names of the flags behind settings, and which of them exclude each other. Leaves to others: the shape of the settings
 * (`config/`), reading the files (`material.ts`).
 */
import type { TlsConfig } from '../config/config.ts'

/** Which connections: those of clients, or those between members. */
export type TlsRole = 'client' | 'peer'

/** Where lines go. */
export interface TlsLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Every bound of this folder. */
export interface TlsLimits {
  /** Between looks at the files, milliseconds. */
  readonly lookMs: number
  /** Bytes of one file; a longer one is refused unread. */
  readonly fileBytesMax: number
  /**
   * From the opening of a connection to the end of its client's first message, and from there to the end of the handshake,
   * milliseconds. Later: the connection closes.
   */
  readonly handshakeMsMax: number
  /** Handshakes under way on one listener. One more: the oldest of them is closed. */
  readonly handshakesMax: number
  /** Lines about failed handshakes in `quietMs`, over all addresses; those left out are counted in the next line. */
  readonly linesMax: number
  /** The same reason from the same address is worth one line in this time, milliseconds. */
  readonly quietMs: number
}

export const TLS_LIMITS: TlsLimits = {
  lookMs: 1_000,
  fileBytesMax: 16 * 1024 * 1024,
  handshakeMsMax: 10_000,
  handshakesMax: 1_024,
  linesMax: 20,
  quietMs: 10_000,
}

/** Codes are API, the wording is not. Explained in docs/errors.md. */
export type TlsErrorCode =
  /** A file cannot be read, or does not hold what it should, or two files do not belong together. */
  | 'MUSTER_TLS_FILE'
  /** The settings exclude each other or name what does not exist. */
  | 'MUSTER_TLS_SETTINGS'

/** A condition of TLS; the message is one sentence that names the file and the reason. */
export class TlsError extends Error {
  readonly code: TlsErrorCode

  constructor(code: TlsErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'TlsError'
    this.code = code
  }
}

/** The flag behind a setting, with its dashes. */
export function flagOf(role: TlsRole, setting: 'cert-file' | 'key-file' | 'trusted-ca-file' | 'crl-file'): string {
  if (role === 'peer') return `--peer-${setting}`
  return setting === 'crl-file' ? '--client-crl-file' : `--${setting}`
}

/** Whether a certificate of our own making is shown: a given one goes first, as in etcd. */
export function usesOwnCertificate(settings: TlsConfig): boolean {
  return settings.auto && settings.certFile === ''
}

/** Whether https URLs can be listened at. */
export function canServe(settings: TlsConfig): boolean {
  return usesOwnCertificate(settings) || (settings.certFile !== '' && settings.keyFile !== '')
}

/** Whether there is anything to set up: without, https URLs cannot be listened at, and are dialled with the defaults. */
export function isConfigured(settings: TlsConfig): boolean {
  return usesOwnCertificate(settings) || settings.certFile !== '' || settings.trustedCaFile !== ''
}

/**
 * Whether whoever connects has to show a certificate. `trustedCaFile` alone asks for that too, as in etcd 3.4 and unlike
 * 2.3: of the two readings of one command line, the one that lets nobody in by mistake.
 */
export function demandsCertificate(settings: TlsConfig): boolean {
  const { clientCertAuth, trustedCaFile, allowedCn, allowedHostname } = settings
  return clientCertAuth || trustedCaFile !== '' || allowedCn !== '' || allowedHostname !== ''
}

/** @throws TlsError MUSTER_TLS_SETTINGS for settings that exclude each other. */
export function checkSettings(role: TlsRole, settings: TlsConfig): void {
  const { allowedCn, allowedHostname } = settings
  if (allowedCn !== '' && allowedHostname !== '') {
    throw new TlsError(
      'MUSTER_TLS_SETTINGS',
      `--${role}-cert-allowed-cn and --${role}-cert-allowed-hostname exclude each other (cn="${allowedCn}", hostname="${allowedHostname}")`,
    )
  }
  if (role === 'peer' && usesOwnCertificate(settings) && demandsCertificate(settings)) {
    throw new TlsError(
      'MUSTER_TLS_SETTINGS',
      '--peer-auto-tls and the checking of peer certificates exclude each other: nobody vouches for certificates that members make themselves',
    )
  }
}

/** Sentences for the log about settings that do less than one may think. @param urls where this side listens. */
export function doubtfulSettings(role: TlsRole, settings: TlsConfig, urls: readonly string[]): readonly string[] {
  const hasFiles = settings.certFile !== '' || settings.keyFile !== ''
  const auth = role === 'client' ? '--client-cert-auth' : '--peer-client-cert-auth'
  const isOpen =
    urls.some((url) => url.startsWith('https:')) && settings.clientCertAuth && settings.trustedCaFile === ''
  const openness = `${auth} without ${flagOf(role, 'trusted-ca-file')} lets in whoever has a certificate of any authority that this machine trusts`
  const unused = urls
    .filter((url) => url.startsWith('http:'))
    .flatMap((url) => [
      ...(hasFiles
        ? [
            `The scheme of ${role} url ${url} is HTTP while ${role} key/cert files are presented. Ignored key/cert files.`,
          ]
        : []),
      ...(settings.clientCertAuth
        ? [
            `The scheme of ${role} url ${url} is HTTP while client cert auth (${auth}) is enabled. Ignored client cert auth for this url.`,
          ]
        : []),
    ])
  return isOpen ? [...unused, openness] : unused
}
