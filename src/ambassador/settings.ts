/**
 * How an ambassador serves: its doors, times and bounds.
 *
 * Owns: defaults, reading `NAME=ADDR`, what is refused before anything is opened.
 */
import { type LookOptions, placeOf } from '../sidecar/instance-list.ts'

/** Every code of an AmbassadorError. Never reused. */
export type AmbassadorErrorCode =
  /** Words that make no door, or times and bounds that make no sense. */
  | 'MUSTER_AMBASSADOR_BAD_SETTINGS'
  /** An address cannot be listened at. */
  | 'MUSTER_AMBASSADOR_LISTEN'

export class AmbassadorError extends Error {
  override readonly name = 'AmbassadorError'
  readonly code: AmbassadorErrorCode

  constructor(code: AmbassadorErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** Where to listen. */
export interface ListenAddress {
  /** IPv6 without brackets. */
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

/** A service and the fixed address for it. */
export interface DoorSettings {
  readonly service: string
  readonly listen: ListenAddress
}

/** Who gets the next connection: everybody in turn, or whoever has the fewest. */
export type Balance = 'round-robin' | 'least'

export interface ServingOptions {
  /** `round-robin` by default. */
  readonly balance?: Balance | undefined
  /** How long one instance may take to accept. Milliseconds; 2 s. */
  readonly connectMs?: number | undefined
  /** How long a connection waits when no instance takes it. Milliseconds; 3 s. */
  readonly waitMs?: number | undefined
  /** How long connections to an instance go on that is no longer listed. Milliseconds; 1 min. 0: not at all. */
  readonly drainMs?: number | undefined
  /** The longest rest of an instance that fails. Milliseconds; 10 s. */
  readonly restMsMax?: number | undefined
  /** Connections of one door; more are closed at once. 4,096. */
  readonly connectionsMax?: number | undefined
}

export type ServingSettings = { readonly [Key in keyof ServingOptions]-?: NonNullable<ServingOptions[Key]> }

const DOORS_MAX = 100
const DAY_MS = 86_400_000
const LISTEN_HOST_DEFAULT = '127.0.0.1'

/** @throws AmbassadorError `MUSTER_AMBASSADOR_BAD_SETTINGS` */
export function settleServing(options: ServingOptions): ServingSettings {
  return {
    balance: options.balance ?? 'round-robin',
    connectMs: within('the time to connect', options.connectMs ?? 2_000, 1, DAY_MS),
    waitMs: within('the time to wait', options.waitMs ?? 3_000, 0, DAY_MS),
    drainMs: within('the time to drain', options.drainMs ?? 60_000, 0, DAY_MS),
    restMsMax: within('the longest rest', options.restMsMax ?? 10_000, 1, DAY_MS),
    connectionsMax: within('the number of connections', options.connectionsMax ?? 4_096, 1, 1_000_000),
  }
}

/**
 * Reads `NAME=ADDR`, each. @throws AmbassadorError `MUSTER_AMBASSADOR_BAD_SETTINGS`; RegisterError on a name or a place that is none.
 */
export function parseDoors(words: readonly string[], look: LookOptions): readonly DoorSettings[] {
  const doors = words.map((word) => {
    const at = word.indexOf('=')
    if (at < 1) throw bad(`"${word}" is no door: expected NAME=ADDRESS`)
    const service = word.slice(0, at)
    placeOf(service, look)
    return { service, listen: parseListen(word.slice(at + 1)) }
  })
  if (doors.length === 0) throw bad('no service is named: expected NAME and --listen, or NAME=ADDRESS')
  if (doors.length > DOORS_MAX) throw bad(`${doors.length} services are named: expected ${DOORS_MAX} at most`)
  return doors
}

/** Reads `HOST:PORT`, or `:PORT` and `PORT` for loopback. @throws AmbassadorError `MUSTER_AMBASSADOR_BAD_SETTINGS` */
export function parseListen(text: string): ListenAddress {
  const [, v6, name, digits] = /^(?:(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]/]+))?:)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) throw bad(`"${text}" is no address to listen at: expected HOST:PORT`)
  return { host: v6 ?? name ?? LISTEN_HOST_DEFAULT, port }
}

function within(what: string, number: number, min: number, max: number): number {
  if (Number.isInteger(number) && number >= min && number <= max) return number
  throw bad(`${what} is ${number}: expected a whole number from ${min} to ${max}`)
}

function bad(message: string): AmbassadorError {
  return new AmbassadorError('MUSTER_AMBASSADOR_BAD_SETTINGS', message)
}
