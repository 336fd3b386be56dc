/**
 * Finding the first members of a cluster in the SRV records of a DNS domain.
 *
 * Owns: which names are asked for, and which of the records is this member. Leaves to others: asking (`Resolver`, a port).
 * Source: API page, 13.3.
 */
import type { Endpoint, InitialMember } from '../config/config.ts'
import { parseEndpoint } from '../config/urls.ts'
import { DiscoveryError } from './discovery-error.ts'
import type { DiscoveryLog } from './join.ts'

/** One SRV record; its priority and weight say nothing here. */
export interface SrvRecord {
  /** Without the dot at its end. */
  readonly host: string
  readonly port: number
}

/** What is asked of DNS. Both reject when there is no answer. */
export interface Resolver {
  /** @param service like `_etcd-server._tcp.example.com` */
  srv(service: string): Promise<readonly SrvRecord[]>
  /** All addresses of a name, as text. */
  addresses(host: string): Promise<readonly string[]>
}

/** What is asked for. */
export interface SrvOptions {
  readonly domain: string
  /** Appended to the service names with a hyphen, or empty. */
  readonly suffix: string
  readonly resolver: Resolver
  readonly log: DiscoveryLog
}

/** More records are a slip of somebody's hand. */
const RECORDS_MAX = 100

/** The members that the records name; the first of them are those with TLS. Throws a DiscoveryError MUSTER_DISCOVERY_SRV. */
export async function srvPeers(options: SrvOptions): Promise<readonly Endpoint[]> {
  const { domain, suffix, resolver } = options
  const end = suffix === '' ? '' : `-${suffix}`
  const services = [
    { scheme: 'https', service: `_etcd-server-ssl${end}._tcp.${domain}` },
    { scheme: 'http', service: `_etcd-server${end}._tcp.${domain}` },
  ] as const
  const answers = await Promise.allSettled(services.map(({ service }) => resolver.srv(service)))
  const peers = answers.flatMap((answer, at) => {
    if (answer.status === 'rejected') return []
    return answer.value.map(({ host, port }) => parseEndpoint(`${services[at]?.scheme}://${host}:${port}`))
  })
  if (peers.length > 0 && peers.length <= RECORDS_MAX) return peers
  const reasons = answers.map((answer, at) => {
    const said = answer.status === 'rejected' ? String(answer.reason?.message ?? answer.reason) : 'no records'
    return `${services[at]?.service}: ${said}`
  })
  if (peers.length > 0) throw srvError(`there are more than ${RECORDS_MAX} SRV records below ${domain}`)
  throw srvError(`error querying DNS SRV records (${reasons.join('; ')})`)
}

/**
 * Members and their names: this one under its own, the others as `0`, `1`, and so on until they say theirs.
 *
 * @param advertised this member's peer URLs; the record with the same address and port is this member.
 * @throws DiscoveryError MUSTER_DISCOVERY_SRV, also when this member is not among the records.
 */
export async function srvCluster(
  options: SrvOptions,
  name: string,
  advertised: readonly Endpoint[],
): Promise<readonly InitialMember[]> {
  const peers = await srvPeers(options)
  const own = new Set((await Promise.all(advertised.map((url) => locations(options, url)))).flat())
  const members: InitialMember[] = []
  const mine: Endpoint[] = []
  for (const peer of peers) {
    const isOwn = (await locations(options, peer)).some((location) => own.has(location))
    if (isOwn) mine.push(peer)
    else members.push({ name: `${members.length}`, peerUrls: [peer] })
    options.log.info({ url: peer.href, self: isOwn }, 'DNS names a member')
  }
  if (mine.length === 0) throw srvError(`cannot find local etcd member "${name}" in SRV records`)
  return [...members, { name, peerUrls: mine }]
}

/** Scheme, address and port of each address of a URL's host. One that cannot be resolved is nowhere, and equals only itself. */
async function locations({ resolver, log }: SrvOptions, url: Endpoint): Promise<readonly string[]> {
  const place = (address: string): string => `${url.protocol} ${address.toLowerCase()} ${url.port}`
  try {
    const addresses = await resolver.addresses(url.host)
    return [place(url.host), ...addresses.map(place)]
  } catch (error) {
    log.warn({ host: url.host, reason: String(error) }, 'cannot resolve the name of a member')
    return [place(url.host)]
  }
}

function srvError(message: string): DiscoveryError {
  return new DiscoveryError('MUSTER_DISCOVERY_SRV', message)
}
