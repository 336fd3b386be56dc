/**
 * Which origins browsers may come from.
 *
 * Owns: the three headers of section 2.3 of the API page. Leaves to others: sending them.
 */
import type { IncomingMessage } from 'node:http'

/** `'*'`, or origins compared as they stand; undefined: none. */
export type CorsOption = '*' | readonly string[] | undefined

/** Header pairs, flat: name, value, name, value. */
export type HeaderPairs = readonly string[]

const NONE: HeaderPairs = []

/** Finds the CORS headers of each answer. */
export class Cors {
  readonly #always: HeaderPairs | undefined
  readonly #byOrigin = new Map<string, HeaderPairs>()

  constructor(option: CorsOption) {
    if (option === undefined || option.length === 0) this.#always = NONE
    else if (option === '*' || option.includes('*')) this.#always = pairsFor('*')
    else for (const origin of option) this.#byOrigin.set(origin, pairsFor(origin))
  }

  /** The headers for the answer to a request; empty when its origin is not allowed. */
  pairs(request: IncomingMessage): HeaderPairs {
    if (this.#always !== undefined) return this.#always
    const origin = request.headers.origin
    return (origin === undefined ? undefined : this.#byOrigin.get(origin)) ?? NONE
  }
}

function pairsFor(origin: string): HeaderPairs {
  return [
    'Access-Control-Allow-Headers',
    'accept, content-type, authorization',
    'Access-Control-Allow-Methods',
    'POST, GET, OPTIONS, PUT, DELETE',
    'Access-Control-Allow-Origin',
    origin,
  ]
}
