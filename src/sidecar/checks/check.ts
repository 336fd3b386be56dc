/**
 * What is checked, how often, and what counts.
 *
 * Owns: the shape, its defaults, reading what users write. Leaves to others: doing it (`http-check.ts`, `tcp-check.ts`,
 * `command-check.ts`), counting (`tally.ts`).
 */
import { formatAddress, type HostPort, parseAddress } from '../names.ts'
import { RegisterError } from '../register-error.ts'

/** What one look at the service found. */
export interface CheckResult {
  readonly status: 'passing' | 'warning' | 'critical'
  /** Why, in a few words, bounded. */
  readonly output: string
}

export type CheckTarget =
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'cmd'; readonly command: string }

/** A check with everything settled. */
export interface Check {
  readonly target: CheckTarget
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Good looks in a row that make a critical instance pass. */
  readonly rise: number
  /** Bad looks in a row that make a passing instance critical. */
  readonly fall: number
  /** Until the first look. */
  readonly initialStatus: 'passing' | 'critical'
  /** An instance that was critical for so long is taken out whole, its record too; undefined: never. */
  readonly deregisterAfterMs: number | undefined
}

/** A check as users write it. Exactly one of `http`, `tcp` and `cmd`. */
export interface CheckOptions {
  /** URL, or a path at the instance's own address. 2xx and 3xx pass, 429 warns. */
  readonly http?: string
  /** `host:port`, or `true` or empty for the instance's own address. Passes when it accepts a connection. */
  readonly tcp?: string | boolean
  /** For the shell. Passes with exit status 0. */
  readonly cmd?: string
  /** Seconds; 10. */
  readonly interval?: number
  /** Seconds; 5, and at most the interval. */
  readonly timeout?: number
  /** 1. */
  readonly rise?: number
  /** 2. */
  readonly fall?: number
  /** `critical`. */
  readonly initialStatus?: 'passing' | 'critical'
  /** Seconds; never. */
  readonly deregisterAfter?: number
}

const INTERVAL_S_DEFAULT = 10
const TIMEOUT_S_DEFAULT = 5
const COUNT_MAX = 1_000
const SECONDS_MAX = 86_400

/** Reads `http://…`, `https://…`, `/path`, `tcp`, `tcp://host:port` or `cmd:…`, as the command line has it. */
export function checkOptionsOf(text: string): CheckOptions {
  if (/^https?:\/\//.test(text) || text.startsWith('/')) return { http: text }
  if (text === 'tcp') return { tcp: true }
  if (text.startsWith('tcp://')) return { tcp: text.slice('tcp://'.length) }
  if (text.startsWith('cmd:')) return { cmd: text.slice('cmd:'.length) }
  throw wrong(`"${text}" is no check: expected http://…, /path, tcp, tcp://host:port or cmd:…`)
}

/**
 * Settles a check. @param own where the instance is, for what is not said.
 * @throws RegisterError `MUSTER_REGISTER_BAD_SETTINGS`
 */
export function settleCheck(options: CheckOptions, own: HostPort): Check {
  const interval = within('interval', options.interval ?? INTERVAL_S_DEFAULT, 0.01, SECONDS_MAX)
  const timeout = options.timeout ?? Math.min(TIMEOUT_S_DEFAULT, interval)
  const { deregisterAfter } = options
  return {
    target: targetOf(options, own),
    intervalMs: interval * 1000,
    timeoutMs: within('timeout', timeout, 0.01, SECONDS_MAX) * 1000,
    rise: whole('rise', options.rise ?? 1),
    fall: whole('fall', options.fall ?? 2),
    initialStatus: options.initialStatus ?? 'critical',
    deregisterAfterMs:
      deregisterAfter === undefined ? undefined : within('deregister-after', deregisterAfter, 0, SECONDS_MAX) * 1000,
  }
}

function targetOf({ http, tcp, cmd }: CheckOptions, own: HostPort): CheckTarget {
  const given = [http !== undefined, tcp !== undefined && tcp !== false, cmd !== undefined]
  if (given.filter(Boolean).length !== 1) throw wrong('a check needs one of http, tcp and cmd')
  if (http !== undefined) {
    const url = http.startsWith('/') ? `http://${formatAddress(own)}${http}` : http
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw wrong(`"${http}" is no URL and no path to check`)
    return { kind: 'http', url }
  }
  if (cmd !== undefined) {
    if (cmd.trim() === '') throw wrong('the command of a check is empty')
    return { kind: 'cmd', command: cmd }
  }
  if (tcp === true || tcp === '' || tcp === 'true') return { kind: 'tcp', host: own.host, port: own.port }
  const address = parseAddress(String(tcp).startsWith(':') ? `127.0.0.1${tcp}` : String(tcp))
  if (address === undefined) throw wrong(`"${tcp}" is no host:port to check`)
  return { kind: 'tcp', ...address }
}

function within(name: string, seconds: number, min: number, max: number): number {
  if (seconds >= min && seconds <= max) return seconds
  throw wrong(`${name} of a check is ${seconds} seconds: expected ${min} to ${max}`)
}

function whole(name: string, count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= COUNT_MAX) return count
  throw wrong(`${name} of a check is ${count}: expected 1 to ${COUNT_MAX}`)
}

function wrong(message: string): RegisterError {
  return new RegisterError('MUSTER_REGISTER_BAD_SETTINGS', message)
}
