/**
 * TLS of one side of a member: what its listeners and diallers are given.
 *
 * Owns: putting the parts of this folder together, and the certificates of our own. Leaves to others: where to listen and
 * whom to dial.
 */
import type { RequestListener } from 'node:http'
import type { Server, ServerOptions } from 'node:https'
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { TlsConfig } from '../config/config.ts'
import { whyNotAllowed } from './allowed.ts'
import { CertificateFiles } from './files.ts'
import { reasonOf } from './reasons.ts'
import { SecureServer } from './secure-server.ts'
import {
  checkSettings,
  demandsCertificate,
  isConfigured,
  TLS_LIMITS,
  type TlsLimits,
  type TlsLog,
  type TlsRole,
  usesOwnCertificate,
} from './settings.ts'

export interface TlsSideOptions {
  readonly role: TlsRole
  readonly settings: TlsConfig
  readonly log: TlsLog
  /** Where a pair of our own making is kept; made when it is needed. */
  readonly ownFolder: string
  /** Hosts of the listen URLs: those for which a pair of our own is good. */
  readonly hosts: readonly string[]
  readonly limits?: Partial<TlsLimits>
  /** Wall clock, milliseconds. */
  readonly nowMs?: () => number
}

/** What `tls.connect` is told beyond where to connect. */
export type SecureConnectOptions = Pick<
  ConnectionOptions,
  'secureContext' | 'rejectUnauthorized' | 'checkServerIdentity'
>

/** One side of a member; its certificates are read again when their files change. */
export class TlsSide {
  readonly #options: TlsSideOptions
  readonly #settings: TlsConfig
  readonly #limits: TlsLimits
  readonly #files: CertificateFiles
  #connect: SecureConnectOptions | undefined

  private constructor(options: TlsSideOptions, settings: TlsConfig, files: CertificateFiles) {
    this.#options = options
    this.#settings = settings
    this.#limits = { ...TLS_LIMITS, ...options.limits }
    this.#files = files
    files.onChange(() => {
      this.#connect = undefined
    })
  }

  /**
   * Reads the files of this side, or makes its own; undefined when no TLS is configured.
   *
   * @throws TlsError with one sentence for the user, naming the file and the reason.
   */
  static async open(options: TlsSideOptions): Promise<TlsSide | undefined> {
    const { role, settings: given, log, ownFolder, hosts } = options
    const nowMs = options.nowMs ?? Date.now
    checkSettings(role, given)
    if (!isConfigured(given)) return undefined
    if (!usesOwnCertificate(given)) {
      return new TlsSide(options, given, await CertificateFiles.open({ role, settings: given, log, nowMs }))
    }
    // Half of what this folder costs to load is the library behind it.
    const { ownPair } = await import('./self-signed.ts')
    const settings = { ...given, ...(await ownPair(ownFolder, hosts, nowMs())) }
    const renew = async (): Promise<void> => {
      if ((files.material.leaf?.validToDate.getTime() ?? 0) <= nowMs()) await ownPair(ownFolder, hosts, nowMs())
    }
    const files = await CertificateFiles.open({ role, settings, log, nowMs, renew })
    return new TlsSide(options, settings, files)
  }

  /** Whether whoever connects has to show a certificate that is vouched for. */
  get demandsCertificate(): boolean {
    return demandsCertificate(this.#settings)
  }

  /** Makes the server behind an https URL; it is told what `node:http` would be told. Certificates change under it. */
  readonly createServer = (http: ServerOptions, listener: RequestListener): Server => {
    const { role, log } = this.#options
    const options = { role, settings: this.#settings, files: this.#files, log, limits: this.#limits, http }
    return new SecureServer(options, listener)
  }

  /**
   * Options of `tls.connect` for the next connection, with the certificates of this moment: our own is shown, and the other
   * side's is checked. Certificates that members make themselves cannot be checked.
   */
  connectOptions(): SecureConnectOptions {
    this.#connect ??= this.#makeConnectOptions()
    return this.#connect
  }

  /** Why a connection made with `connectOptions` failed, when TLS is the reason. */
  explain(error: Error): string | undefined {
    return reasonOf(error)
  }

  /** Looks at the files now, and not only within the second. */
  look(): Promise<void> {
    return this.#files.look()
  }

  /** Stops looking at the files. Servers live on. */
  close(): void {
    this.#files.close()
  }

  #makeConnectOptions(): SecureConnectOptions {
    const secureContext = this.#files.material.context
    if (usesOwnCertificate(this.#options.settings)) return { secureContext, rejectUnauthorized: false }
    const settings = this.#settings
    if (settings.allowedCn === '' && settings.allowedHostname === '') return { secureContext }
    return {
      secureContext,
      checkServerIdentity: (host, certificate) =>
        checkServerIdentity(host, certificate) ?? notAllowed(settings, certificate),
    }
  }
}

function notAllowed(settings: TlsConfig, certificate: PeerCertificate): Error | undefined {
  const reason = whyNotAllowed(settings, certificate)
  return reason === undefined ? undefined : Object.assign(new Error(reason), { code: 'CERT_NOT_ALLOWED' })
}
