/**
 * confd's functions that look around: variables, files, the clock, names of hosts.
 *
 * Owns: the functions, and names asked for by one rendering. Templates run without waiting, names take time: a name that is not
 * known yet counts as empty and is noted, then asked for, and the template is run again (see `render-text.ts`).
 */
import { existsSync } from 'node:fs'
import type { TemplateFunction } from '../template/functions.ts'
import { Moment } from '../template/moment.ts'
import { compareBytes, Struct, type Value } from '../template/values.ts'

/** Where a template runs. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds since 1970. */
  readonly nowMs: () => number
  readonly resolver: NameResolver
  /** Times show in UTC instead of the zone of this process. */
  readonly utc: boolean
}

export interface SrvRecord {
  readonly target: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** Asks for names. Rejects when there is no answer; the template then sees none, as in confd. */
export interface NameResolver {
  addresses(host: string): Promise<readonly string[]>
  services(name: string): Promise<readonly SrvRecord[]>
}

/** Names that one rendering may ask for. */
const NAMES_MAX = 1_000

/** The answers that one rendering has, and what it still wants to know. */
export class Names {
  readonly #resolver: NameResolver
  readonly #answers = new Map<string, readonly Value[]>()
  readonly #wanted = new Map<string, () => Promise<readonly Value[]>>()

  constructor(resolver: NameResolver) {
    this.#resolver = resolver
  }

  /** Whether the last run asked for a name that was not known. */
  get missing(): boolean {
    return this.#wanted.size > 0
  }

  addresses(host: string): readonly Value[] {
    return this.#look(`ip ${host}`, async () => [...(await this.#resolver.addresses(host))].sort(compareBytes))
  }

  services(service: string, protocol: string, domain: string): readonly Value[] {
    const name = service === '' && protocol === '' ? domain : `_${service}._${protocol}.${domain}`
    return this.#look(`srv ${name}`, async () => {
      const records = await this.#resolver.services(name)
      const keyOf = ({ target, port, priority, weight }: SrvRecord): string => `${target}${port}${priority}${weight}`
      return [...records].sort((a, b) => compareBytes(keyOf(a), keyOf(b))).map(structOf)
    })
  }

  /** Asks for all that is missing, at once. Never rejects. */
  async ask(): Promise<void> {
    const wanted = [...this.#wanted]
    this.#wanted.clear()
    const answers = await Promise.allSettled(wanted.map(([, look]) => look()))
    wanted.forEach(([key], at) => {
      const answer = answers[at]
      this.#answers.set(key, answer?.status === 'fulfilled' ? answer.value : [])
    })
  }

  #look(key: string, look: () => Promise<readonly Value[]>): readonly Value[] {
    const known = this.#answers.get(key)
    if (known === undefined && this.#answers.size + this.#wanted.size < NAMES_MAX) this.#wanted.set(key, look)
    return known ?? []
  }
}

function structOf({ target, port, priority, weight }: SrvRecord): Struct {
  const fields = { Target: target, Port: BigInt(port), Priority: BigInt(priority), Weight: BigInt(weight) }
  return new Struct('net.SRV', fields, true)
}

export function surroundingFunctions(
  { env, nowMs, utc }: Surroundings,
  names: Names,
): ReadonlyMap<string, TemplateFunction> {
  const only = (host: Value | undefined, part: string): Value =>
    names.addresses(String(host)).filter((one) => String(one).includes(part))
  return new Map<string, TemplateFunction>([
    ['getenv', { parameters: ['string'], rest: 'string', run: ([name, other = '']) => env[String(name)] || other }],
    ['datetime', { parameters: [], run: () => new Moment(nowMs(), 0, utc) }],
    ['fileExists', { parameters: ['string'], run: ([path]) => existsSync(String(path)) }],
    ['lookupIP', { parameters: ['string'], run: ([host]) => names.addresses(String(host)) }],
    ['lookupIPV4', { parameters: ['string'], run: ([host]) => only(host, '.') }],
    ['lookupIPV6', { parameters: ['string'], run: ([host]) => only(host, ':') }],
    [
      'lookupSRV',
      {
        parameters: ['string', 'string', 'string'],
        run: ([service, protocol, domain]) => names.services(String(service), String(protocol), String(domain)),
      },
    ],
  ])
}
