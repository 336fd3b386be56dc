/**
 * DNS as the machine is set up to use it.
 *
 * Owns: which of Node's functions answers which question. Names are resolved as by any program, so that `/etc/hosts` counts.
 */
import { Resolver as DnsResolver, lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Resolver } from './srv.ts'

/** @param servers for tests; empty: those of the machine, and names by way of the system. */
export function systemResolver(servers: readonly string[] = []): Resolver {
  const resolver = new DnsResolver()
  if (servers.length > 0) resolver.setServers(servers)
  return {
    srv: async (service) => {
      const records = await resolver.resolveSrv(service)
      return records.map(({ name, port }) => ({ host: name.replace(/\.$/, ''), port }))
    },
    addresses: async (host) => {
      if (isIP(host) !== 0) return [host]
      if (servers.length > 0) return resolver.resolve4(host)
      return (await lookup(host, { all: true })).map(({ address }) => address)
    },
  }
}
