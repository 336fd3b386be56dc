/**
 * How instances are announced: where, in which layouts, for how long.
 *
 * Owns: defaults, bounds, and the rule that a TTL spans three heartbeats.
 */
import { parseLayouts } from './layouts/keys.ts'
import type { LayoutName } from './layouts/layout.ts'
import { RegisterError } from './register-error.ts'

export interface AnnounceOptions {
  /** Whole seconds for which an announcement outlives its announcer. 30. */
  readonly ttl?: number
  /** Seconds between heartbeats; a third of the TTL, and at most that. 10. */
  readonly refresh?: number
  /** Seconds between comparisons with the store; 0: never. 60. */
  readonly resync?: number
  /** Which keys are written. `['registrator']`. */
  readonly layouts?: readonly LayoutName[]
  /** Directory of the services. `/services`. */
  readonly prefix?: string
  /** Domain for the layout `skydns2`. `skydns.local`. */
  readonly domain?: string
}

/** What all instances of an agent have in common. */
export interface RegistrationSettings {
  readonly layouts: readonly LayoutName[]
  /** Directory of the services, clean. */
  readonly prefix: string
  /** Of SkyDNS. */
  readonly domain: string
  /** Time between heartbeats. Milliseconds. */
  readonly refreshMs: number
  /** Time between comparisons with the store. Milliseconds. */
  readonly resyncMs: number
}

export interface AnnounceSettings extends RegistrationSettings {
  /** Whole seconds. */
  readonly ttl: number
}

const TTL_S_DEFAULT = 30
const RESYNC_S_DEFAULT = 60
const TTL_S_MAX = 86_400
const BEATS_PER_TTL = 3
const PREFIX_DEFAULT = '/services'
const DOMAIN_DEFAULT = 'skydns.local'

/** @throws RegisterError `MUSTER_REGISTER_BAD_SETTINGS` */
export function settleAnnouncing(options: AnnounceOptions): AnnounceSettings {
  const { ttl = TTL_S_DEFAULT, refresh = ttl / BEATS_PER_TTL, resync = RESYNC_S_DEFAULT } = options
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > TTL_S_MAX) {
    throw wrong(`the TTL is ${ttl} seconds: expected a whole number from 1 to ${TTL_S_MAX}`)
  }
  if (!(refresh > 0)) throw wrong(`the time between heartbeats is ${refresh} seconds: expected more than 0`)
  if (ttl < BEATS_PER_TTL * refresh) {
    throw wrong(
      `a TTL of ${ttl} s with heartbeats every ${refresh} s is too short: expected at least ${BEATS_PER_TTL * refresh} s, or one lost heartbeat removes a healthy instance`,
    )
  }
  if (!(resync >= 0)) throw wrong(`the time between comparisons is ${resync} seconds: expected 0 or more`)
  const prefix = (options.prefix ?? PREFIX_DEFAULT).replace(/\/+$/, '') || '/'
  if (!prefix.startsWith('/') || /\/\/|\/\.\.?(\/|$)/.test(prefix))
    throw wrong(`"${options.prefix}" is no directory of services`)
  return {
    ttl,
    refreshMs: refresh * 1000,
    resyncMs: resync === 0 ? Number.POSITIVE_INFINITY : resync * 1000,
    layouts: parseLayouts((options.layouts ?? ['registrator']).join(',')),
    prefix,
    domain: options.domain ?? DOMAIN_DEFAULT,
  }
}

function wrong(message: string): RegisterError {
  return new RegisterError('MUSTER_REGISTER_BAD_SETTINGS', message)
}
