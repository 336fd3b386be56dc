/**
 * Names of hosts for templates, asked of the system.
 */
import { lookup, resolveSrv } from 'node:dns/promises'
import type { NameResolver } from './functions/surroundings.ts'

/** As Go's resolver answers: addresses by the system's own rules, targets of services with a dot at their end. */
export const SYSTEM_NAMES: NameResolver = {
  async addresses(host) {
    return (await lookup(host, { all: true })).map(({ address }) => address)
  },
  async services(name) {
    const records = await resolveSrv(name)
    return records.map(({ name: target, port, priority, weight }) => ({
      target: target.endsWith('.') ? target : `${target}.`,
      port,
      priority,
      weight,
    }))
  },
}
