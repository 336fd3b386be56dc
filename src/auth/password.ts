/**
 * Passwords: hashing and checking, in the thread pool.
 *
 * Owns: the format of a kept hash, which carries its parameters, so that later releases may choose others and old hashes still
 * count. Leaves to others: how many run at a time (fair-queue), what was checked already (logins).
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** Cost of scrypt: memory is 128 * r * 2^ln bytes, and time grows with all three. */
interface Cost {
  readonly ln: number
  readonly r: number
  readonly p: number
}

/** 32 MiB and about as long as bcrypt takes at cost 11, for each hash that is made now. */
const COST: Cost = { ln: 15, r: 8, p: 1 }
const SALT_BYTES = 16
const KEY_BYTES = 32
/** What a kept hash may ask for. Bytes. */
const MEMORY_BYTES_MAX = 256 * 1024 * 1024
const KEPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{2,128})\$([A-Za-z0-9+/]{2,128})$/

/** Something to check a password against that nobody has: an unknown user shall take as long as a wrong password. */
export const DECOY_HASH = format(COST, randomBytes(SALT_BYTES), Buffer.alloc(KEY_BYTES))

/** Hashes a password with a new salt. @param done Gets `$scrypt$ln=15,r=8,p=1$SALT$KEY`, or what kept it from being made. */
export function hashPassword(password: Buffer, done: (error: Error | null, hash: string) => void): void {
  const salt = randomBytes(SALT_BYTES)
  derive(password, salt, KEY_BYTES, COST, (error, key) => done(error, error === null ? format(COST, salt, key) : ''))
}

/** Checks a password in constant time. @param done Gets false too for a hash that is none, or that cannot be made here. */
export function checkPassword(password: Buffer, hash: string, done: (right: boolean) => void): void {
  const [, ln, r, p, salt, key] = KEPT.exec(hash) ?? []
  if (salt === undefined || key === undefined) {
    done(false)
    return
  }
  const kept = Buffer.from(key, 'base64')
  derive(
    password,
    Buffer.from(salt, 'base64'),
    kept.length,
    { ln: Number(ln), r: Number(r), p: Number(p) },
    (error, made) => {
      done(error === null && timingSafeEqual(made, kept))
    },
  )
}

function derive(
  password: Buffer,
  salt: Buffer,
  length: number,
  { ln, r, p }: Cost,
  done: (error: Error | null, key: Buffer) => void,
): void {
  try {
    scrypt(password, salt, length, { N: 2 ** ln, r, p, maxmem: MEMORY_BYTES_MAX }, done)
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)), Buffer.alloc(0))
  }
}

function format({ ln, r, p }: Cost, salt: Buffer, key: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(key)}`
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}
