/**
 * One service of this machine, announced as it is: well, unwell, or being emptied.
 *
 * Owns: the status that follows from checks and drains, since when, and taking out what was critical for too long. Leaves to
 * others: the store (registration), looking (checks).
 */

import type { CheckResult } from './checks/check.ts'
import { Checker } from './checks/checker.ts'
import type { Gate } from './gate.ts'
import type { KeyStore, RegisterLog } from './ports.ts'
import type { Reach } from './reach.ts'
import type { InstanceStatus, ServiceInstance } from './record.ts'
import { Registration, type StoreState } from './registration.ts'
import { describeInstance, type Service } from './service.ts'
import type { RegistrationSettings } from './settings.ts'

/** What announcements of one agent share. */
export interface Surroundings {
  readonly store: KeyStore
  readonly settings: RegistrationSettings
  /** Requests to the store at a time. */
  readonly storeGate: Gate
  readonly reach: Reach
  /** Checks at a time. */
  readonly checkGate: Gate
  readonly log: RegisterLog
  /** Nothing is announced before its check has looked once. */
  readonly looksFirst?: boolean
}

/** What is known of an announcement now, whether or not the store can be asked. */
export interface AnnouncementStatus {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly port: number
  readonly status: InstanceStatus
  /** RFC 3339. */
  readonly since: string
  readonly tags: readonly string[]
  /** What the last change of health was for; empty: none yet. */
  readonly reason: string
  readonly store: StoreState
  /** Seconds since the store agreed; null: it never did. */
  readonly agreedSecondsAgo: number | null
  /** Why the store is away; empty: it is not. */
  readonly error: string
}

export class Announcement {
  readonly #around: Surroundings
  readonly #registration: Registration
  #service: Service
  #checker: Checker | undefined
  #health: CheckResult['status']
  #reason = ''
  #drained = false
  /** Critical for longer than `deregisterAfter`. */
  #outOfTime = false
  #timer: NodeJS.Timeout | undefined
  #status: InstanceStatus
  #since = nowText()
  #closed = false
  #closing: Promise<boolean> | undefined
  #looking: Promise<void> | undefined

  /** @param drained Whether new connections are kept away from the beginning. */
  constructor(service: Service, around: Surroundings, drained = false) {
    this.#around = around
    this.#service = service
    this.#health = initialHealth(service)
    this.#drained = drained
    this.#status = drained ? 'draining' : this.#health
    const { store, settings, storeGate, reach, log } = around
    this.#registration = new Registration(store, settings, storeGate, reach, log)
    this.#begin()
    if (around.looksFirst === true && this.#checker !== undefined) {
      this.#looking = this.#checker.firstLook.then(() => {
        this.#looking = undefined
        if (!this.#closed) this.#tellStore()
      })
    } else this.#tellStore()
  }

  get service(): Service {
    return this.#service
  }

  get status(): AnnouncementStatus {
    const { name, id, host, port, tags } = this.#service.instance
    const { state, error, agreedMsAgo } = this.#registration
    return {
      ...{ name, id, host, port, status: this.#status, since: this.#since, tags, reason: this.#reason, store: state },
      agreedSecondsAgo: agreedMsAgo === undefined ? null : Math.floor(agreedMsAgo / 1000),
      error: error?.message ?? '',
    }
  }

  /** Resolves when the store holds what is the case now. Rejects when closed before. */
  async settled(): Promise<void> {
    await this.#looking
    return this.#registration.settled()
  }

  /** No new connections from now on; resolves when the store says so. */
  drain(): Promise<void> {
    this.#drained = true
    this.#update()
    return this.settled()
  }

  /** Takes a drain back; resolves when the store says so. */
  undrain(): Promise<void> {
    this.#drained = false
    this.#update()
    return this.settled()
  }

  /** Health as somebody else found it; for services that are checked elsewhere. */
  tell(result: CheckResult): void {
    if (this.#closed) return
    if (result.status !== this.#health) {
      const { name, id } = this.#service.instance
      this.#around.log.info({ name, id, status: result.status, reason: result.output }, 'health has changed')
    }
    this.#health = result.status
    this.#reason = result.output
    this.#update()
  }

  /** The same instance, described anew. A drain stays. */
  change(service: Service): void {
    const before = this.#service
    this.#service = service
    if (
      JSON.stringify(service.check) !== JSON.stringify(before.check) ||
      service.checkedElsewhere !== before.checkedElsewhere
    ) {
      void this.#checker?.close()
      this.#checker = undefined
      // Another way to look at the same address makes it no worse: a healthy one would vanish until the first look.
      const staysGood = service.check !== undefined && this.#health !== 'critical' && isSamePlace(before, service)
      if (!staysGood) this.#health = initialHealth(service)
      this.#begin()
    }
    this.#update()
    this.#tellStore()
  }

  resync(): void {
    this.#registration.resync()
  }

  /**
   * Ends checks and heartbeats and, unless told otherwise, takes the instance out of the store. Resolves within the time; true when
   * nothing of it is left there. The first call counts.
   */
  close(deregister: boolean, timeoutMs: number): Promise<boolean> {
    this.#closing ??= this.#end(deregister, timeoutMs)
    return this.#closing
  }

  async #end(deregister: boolean, timeoutMs: number): Promise<boolean> {
    this.#closed = true
    clearTimeout(this.#timer)
    const hasYielded = this.#registration.state === 'yielded'
    const [done] = await Promise.all([this.#registration.close(deregister, timeoutMs), this.#checker?.close()])
    if (hasYielded) return done
    const { instance } = this.#service
    if (deregister && done) this.#around.log.info({}, `deregistered ${describeInstance(instance)}`)
    else if (deregister) this.#around.log.warn({}, `could not deregister ${describeInstance(instance)}: its TTL will`)
    return done
  }

  #begin(): void {
    const { check, instance } = this.#service
    this.#around.log.info({ status: this.#health }, `announcing ${describeInstance(instance)}`)
    if (check !== undefined) {
      const initialStatus = this.#health === 'critical' ? 'critical' : 'passing'
      this.#checker = new Checker({ ...check, initialStatus }, this.#around.checkGate, (result) => this.tell(result))
    }
    this.#watchTime()
  }

  #update(): void {
    if (this.#closed) return
    const status = this.#drained ? 'draining' : this.#health
    const before = this.#outOfTime
    if (this.#health !== 'critical') this.#outOfTime = false
    // Also while it drains, and its status stays the same.
    this.#watchTime()
    if (status === this.#status && before === this.#outOfTime) return
    if (status !== this.#status) this.#since = nowText()
    this.#status = status
    this.#tellStore()
  }

  /** Counts the time for which the instance may stay critical. */
  #watchTime(): void {
    const afterMs = this.#service.check?.deregisterAfterMs
    if (this.#health !== 'critical' || afterMs === undefined) {
      clearTimeout(this.#timer)
      this.#timer = undefined
    } else if (!this.#outOfTime)
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        this.#outOfTime = true
        this.#around.log.warn(
          {},
          `${describeInstance(this.#service.instance)} was critical for too long: taking it out`,
        )
        this.#tellStore()
      }, afterMs)
  }

  #tellStore(): void {
    if (this.#looking !== undefined) return
    const { instance, exposedPort } = this.#service
    const shown: ServiceInstance = { ...instance, status: this.#status, since: this.#since }
    this.#registration.want(this.#outOfTime ? undefined : shown, exposedPort)
  }
}

function initialHealth({ check, checkedElsewhere }: Service): CheckResult['status'] {
  return check?.initialStatus ?? (checkedElsewhere ? 'critical' : 'passing')
}

function isSamePlace({ instance: one }: Service, { instance: other }: Service): boolean {
  return one.host === other.host && one.port === other.port
}

/** Now, to the second. */
function nowText(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z')
}
