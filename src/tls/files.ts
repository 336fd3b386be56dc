/**
 * The files of one side over time: what was read last, and that a change is noticed.
 *
 * Owns: when files are looked at, which version is in use, and the lines about it. Leaves to others: what is in them
 * (`material.ts`), who uses them (`secure-server.ts`, `tls-side.ts`).
 *
 * Files are looked at, once a second; nothing is asked of the system's notification of changes, which is unreliable over
 * links that are swapped, network file systems and folders that are replaced.
 */
import type { TlsConfig } from '../config/config.ts'
import { filesOf, type Material, readMaterial, stampOf, type TlsFile } from './material.ts'
import { TLS_LIMITS, type TlsError, type TlsLog, type TlsRole } from './settings.ts'

export interface CertificateFilesOptions {
  readonly role: TlsRole
  readonly settings: TlsConfig
  readonly log: TlsLog
  /** Wall clock, milliseconds: what validity is compared with. */
  readonly nowMs: () => number
  /** Called before each look; makes a new pair when the present one of our own has expired. */
  readonly renew?: (present: Material) => Promise<void>
}

/** The present certificates of one side, read again when their files change. */
export class CertificateFiles {
  readonly #options: CertificateFilesOptions
  readonly #files: readonly TlsFile[]
  #material: Material
  /** Of what `#material` was made. */
  #stamp: string
  /** A state of the files that failed once: it may be one that somebody is about to change. */
  #doubtful: string | undefined
  /** Why that state cannot be used, as the log was told it. */
  #told = ''
  /** Whether a line was written about the end of the present certificate. */
  #endTold = false
  #looking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #listeners = new Set<() => void>()

  private constructor(options: CertificateFilesOptions, files: readonly TlsFile[], material: Material, stamp: string) {
    this.#options = options
    this.#files = files
    this.#material = material
    this.#stamp = stamp
    this.#tellValidity()
  }

  /**
   * Reads the files, and looks at them from now on.
   *
   * @throws TlsError as `readMaterial`. A certificate that has expired is used all the same, with a line in the log: a member
   * that does not start serves nobody, and not all clients look at the date.
   */
  static async open(options: CertificateFilesOptions): Promise<CertificateFiles> {
    const files = filesOf(options.role, options.settings)
    const stamp = await stampOf(files)
    const material = await readMaterial(options.role, options.settings)
    const opened = new CertificateFiles(options, files, material, stamp)
    opened.#timer = setInterval(() => void opened.look(), TLS_LIMITS.lookMs).unref()
    return opened
  }

  get material(): Material {
    return this.#material
  }

  /** `listener` is called after each change of `material`. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Looks at the files now. Never rejects. A state that cannot be used is reported when it is met for the second time. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  close(): void {
    clearInterval(this.#timer)
    this.#listeners.clear()
  }

  async #look(): Promise<void> {
    const { role, settings, renew, log } = this.#options
    try {
      await renew?.(this.#material)
    } catch (error) {
      log.error({ tls: role, err: error }, 'cannot renew the certificate of our own')
    }
    this.#tellValidity()
    const stamp = await stampOf(this.#files)
    if (stamp === this.#stamp) return
    try {
      const material = await readMaterial(role, settings)
      // Somebody writes them this very moment: what was read may be parts of two versions.
      if ((await stampOf(this.#files)) !== stamp) return
      const older = this.#whyWorse(material)
      if (older !== undefined) this.#refuse(stamp, older)
      else this.#use(material, stamp)
    } catch (error) {
      this.#refuse(stamp, (error as TlsError).message)
    }
  }

  /** An expired certificate does not take the place of one that is valid. */
  #whyWorse({ leaf }: Material): string | undefined {
    const problem = this.#validityProblem(leaf)
    if (problem === undefined || this.#validityProblem(this.#material.leaf) !== undefined) return undefined
    return problem
  }

  #use(material: Material, stamp: string): void {
    this.#stamp = stamp
    this.#doubtful = undefined
    this.#told = ''
    if (material.fingerprint === this.#material.fingerprint) return
    this.#material = material
    this.#endTold = false
    const { role, log } = this.#options
    const { leaf } = material
    const about = leaf === undefined ? {} : { subject: leaf.subject, validTo: leaf.validToDate.toISOString() }
    const files = this.#files.map(({ path }) => path)
    log.info({ tls: role, files, ...about }, 'certificate files have changed: new connections use the new ones')
    this.#tellValidity()
    for (const listener of this.#listeners) listener()
  }

  /**
   * Pairs are commonly replaced one file after the other, so a first failure says little: the same state has to fail twice
   * before it is worth a line, which is written once. It is tried again at each look all the same: its time may come, and what
   * kept it from being read may pass, without any change of the files.
   */
  #refuse(stamp: string, reason: string): void {
    if (this.#doubtful !== stamp) {
      this.#doubtful = stamp
      this.#told = ''
      return
    }
    if (this.#told === reason) return
    this.#told = reason
    const { role, log } = this.#options
    log.error({ tls: role, reason }, 'certificate files have changed and cannot be used: those read before stay in use')
  }

  #tellValidity(): void {
    if (this.#endTold) return
    const reason = this.#validityProblem(this.#material.leaf)
    if (reason === undefined) return
    this.#endTold = true
    this.#options.log.warn({ tls: this.#options.role, reason }, 'others will refuse the certificate that is in use')
  }

  /** Names the file and the reason. */
  #validityProblem(leaf: Material['leaf']): string | undefined {
    if (leaf === undefined) return undefined
    const nowMs = this.#options.nowMs()
    const { path, flag } = this.#files[0] as TlsFile
    if (leaf.validToDate.getTime() <= nowMs) {
      return `the certificate in ${path} (${flag}) has expired at ${leaf.validToDate.toISOString()}`
    }
    if (leaf.validFromDate.getTime() > nowMs) {
      return `the certificate in ${path} (${flag}) is not valid before ${leaf.validFromDate.toISOString()}`
    }
    return undefined
  }
}
