/**
 * Query and form → command or read request, or the exact 2xx error.
 *
 * Owns: the syntax of every parameter, the order in which they are checked (API page, 4.2), which operation a PUT is
 * (4.4), what a ttl means (4.10). Leaves to others: doing it (routes), what the store answers.
 */
import { ErrorCode } from '../../api.ts'
import type { Command, PrevIndex, Ttl } from '../../store/command.ts'
import { ownString } from '../../store/path.ts'
import { emptyForm, type Form, readPairs } from '../form.ts'

export interface ReadRequest {
  readonly kind: 'read'
  readonly path: string
  readonly recursive: boolean
  readonly sorted: boolean
  readonly quorum: boolean
}

export interface WatchKeyRequest {
  readonly kind: 'watch'
  readonly path: string
  readonly recursive: boolean
  readonly stream: boolean
  /** 0: from now on. */
  readonly since: number | bigint
}

export interface WriteRequest {
  readonly kind: 'write'
  readonly command: Command
  /** As the request said; `command` holds it where it means something. Who may write is judged by it. */
  readonly recursive: boolean
  /** Answer with the action only. */
  readonly noValueOnSuccess: boolean
}

/** A parameter is wrong: error `code` with this cause and index 0. */
export interface Invalid {
  readonly kind: 'invalid'
  readonly code: ErrorCode
  readonly cause: string
}

export type KeysRequest = ReadRequest | WatchKeyRequest | WriteRequest | Invalid

export type KeysMethod = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'

/** What a request without query and body is made of; nobody writes to it. */
const EMPTY: Form = Object.freeze(emptyForm())
/** Above this many seconds the arithmetic could leave what 64 bits of nanoseconds hold. */
const TTL_SIMPLE_MAX_S = 4_000_000_000
const UINT64_MAX = 2n ** 64n - 1n

/**
 * Reads a request to the key at `path`.
 *
 * @param path Canonical: begins with `/`, no trailing slash unless it is the root.
 * @param query Raw, Latin-1, without `?`.
 * @param body A form's text, Latin-1; empty when there is none or it is not to be looked at.
 * @param clock Asked for the present when there is a ttl, for what clients will see as `expiration`.
 */
export function parseKeysRequest(
  method: KeysMethod,
  path: string,
  query: string,
  body: string,
  clock: { wallNowMs(): number },
): KeysRequest {
  let form = EMPTY
  if (query === '' && body === '') {
    // Most requests are plain reads.
    if (method === 'GET' || method === 'HEAD') {
      return { kind: 'read', path, recursive: false, sorted: false, quorum: false }
    }
  } else {
    form = emptyForm()
    const fault = readPairs(body, form) ?? (query === '' ? undefined : readPairs(query, form))
    if (fault !== undefined) return invalid(ErrorCode.invalidForm, fault)
  }
  const prevIndex = parseUint(form.prevIndex)
  if (prevIndex === undefined) return invalid(ErrorCode.indexNotNumber, 'invalid value for "prevIndex"')
  const waitIndex = parseUint(form.waitIndex)
  if (waitIndex === undefined) return invalid(ErrorCode.indexNotNumber, 'invalid value for "waitIndex"')
  const fault = firstBadFlag(form)
  if (fault !== undefined) return invalid(ErrorCode.invalidField, fault)
  const wait = parseBool(form.wait) === true
  if (wait && method !== 'GET') return invalid(ErrorCode.invalidField, '"wait" can only be used with GET requests')
  if (form.prevValue === '') return invalid(ErrorCode.prevValueRequired, '"prevValue" cannot be empty')
  if (isBadFlag(form.noValueOnSuccess)) {
    return invalid(ErrorCode.invalidField, 'invalid value for "noValueOnSuccess"')
  }
  const ttlSeconds = form.ttl === undefined || form.ttl === '' ? undefined : parseUint(form.ttl)
  if (ttlSeconds === undefined && form.ttl !== undefined && form.ttl !== '') {
    return invalid(ErrorCode.ttlNotNumber, 'invalid value for "ttl"')
  }
  if (isBadFlag(form.prevExist)) return invalid(ErrorCode.invalidField, 'invalid value for prevExist')
  if (isBadFlag(form.refresh)) return invalid(ErrorCode.invalidField, 'invalid value for refresh')
  const refresh = parseBool(form.refresh) === true
  if (refresh && form.value !== undefined && form.value !== '') {
    return invalid(ErrorCode.refreshValue, 'A value was provided on a refresh')
  }
  if (refresh && ttlSeconds === undefined) return invalid(ErrorCode.refreshTtlRequired, 'No TTL value set')

  if (method === 'GET' || method === 'HEAD') {
    const recursive = parseBool(form.recursive) === true
    const quorum = parseBool(form.quorum) === true && method === 'GET'
    if (wait && !quorum) {
      const stream = parseBool(form.stream) === true
      return { kind: 'watch', path: ownString(path), recursive, stream, since: waitIndex }
    }
    return { kind: 'read', path, recursive, sorted: parseBool(form.sorted) === true, quorum }
  }
  const ttl = ttlSeconds === undefined ? undefined : makeTtl(ttlSeconds, clock.wallNowMs())
  const command =
    method === 'PUT'
      ? putCommand(ownString(path), form, prevIndex, ttl, refresh)
      : method === 'POST'
        ? createCommand(ownString(path), form, ttl, true)
        : deleteCommand(ownString(path), form, prevIndex)
  const recursive = parseBool(form.recursive) === true
  const noValueOnSuccess = parseBool(form.noValueOnSuccess) === true && method !== 'DELETE'
  return { kind: 'write', command, recursive, noValueOnSuccess }
}

/** The error answer of a request that cannot be understood. */
export function invalid(code: ErrorCode, cause: string): Invalid {
  return { kind: 'invalid', code, cause }
}

function putCommand(path: string, form: Form, prevIndex: PrevIndex, ttl: Ttl | undefined, refresh: boolean): Command {
  const prevExist = parseBool(form.prevExist)
  const compares = (prevIndex !== 0 || form.prevValue !== undefined) && prevExist !== false
  const value = ownString(form.value ?? '')
  if (compares) {
    const prevValue = ownString(form.prevValue ?? '')
    return { kind: 'compareAndSwap', path, value, ttl, refresh, prevIndex, prevValue }
  }
  if (prevExist === true) return { kind: 'update', path, value, ttl, refresh }
  if (prevExist === false) return createCommand(path, form, ttl, false)
  return { kind: 'set', path, value, dir: parseBool(form.dir) === true, ttl, refresh }
}

function createCommand(path: string, form: Form, ttl: Ttl | undefined, inOrder: boolean): Command {
  const value = ownString(form.value ?? '')
  return { kind: 'create', path, value, dir: parseBool(form.dir) === true, ttl, inOrder }
}

function deleteCommand(path: string, form: Form, prevIndex: PrevIndex): Command {
  if (prevIndex !== 0 || form.prevValue !== undefined) {
    return { kind: 'compareAndDelete', path, prevIndex, prevValue: ownString(form.prevValue ?? '') }
  }
  return { kind: 'delete', path, dir: parseBool(form.dir) === true, recursive: parseBool(form.recursive) === true }
}

/** etcd keeps an expiration as signed 64-bit nanoseconds, and lets huge ttls wrap around. */
function makeTtl(seconds: number | bigint, wallMs: number): Ttl {
  if (typeof seconds === 'number' && seconds <= TTL_SIMPLE_MAX_S) {
    return { ms: seconds * 1000, expirationMs: wallMs + seconds * 1000 }
  }
  const nowNs = BigInt(Math.trunc(wallMs)) * 1_000_000n
  const expirationNs = BigInt.asIntN(64, nowNs + BigInt.asIntN(64, BigInt(seconds) * 1_000_000_000n))
  const expirationMs = Number(expirationNs / 1_000_000n)
  return { ms: expirationMs - Math.trunc(wallMs), expirationMs }
}

/** Undefined: no valid number. Not given: 0. A bigint above what a number holds exactly. */
function parseUint(text: string | undefined): number | bigint | undefined {
  if (text === undefined) return 0
  if (!/^[0-9]+$/.test(text)) return undefined
  if (text.length <= 15) return Number(text)
  const value = BigInt(text)
  if (value > UINT64_MAX) return undefined
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

/** Undefined: not given, or no valid flag. */
function parseBool(text: string | undefined): boolean | undefined {
  switch (text) {
    case '1':
    case 't':
    case 'T':
    case 'TRUE':
    case 'true':
    case 'True':
      return true
    case '0':
    case 'f':
    case 'F':
    case 'FALSE':
    case 'false':
    case 'False':
      return false
    default:
      return undefined
  }
}

function isBadFlag(text: string | undefined): boolean {
  return text !== undefined && parseBool(text) === undefined
}

function firstBadFlag(form: Form): string | undefined {
  if (isBadFlag(form.recursive)) return 'invalid value for "recursive"'
  if (isBadFlag(form.sorted)) return 'invalid value for "sorted"'
  if (isBadFlag(form.wait)) return 'invalid value for "wait"'
  if (isBadFlag(form.dir)) return 'invalid value for "dir"'
  if (isBadFlag(form.quorum)) return 'invalid value for "quorum"'
  return isBadFlag(form.stream) ? 'invalid value for "stream"' : undefined
}
