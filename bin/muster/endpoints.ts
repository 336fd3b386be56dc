/**
 * Which servers a command talks to: from its words, from variables, from DNS.
 *
 * Owns: the order in which these are asked, which is etcdctl's with ours in front; which of the URLs that members publish may be
 * asked. Leaves to others: the options themselves (connection), what an address may look like (the client).
 */
import dns from 'node:dns/promises'
import process from 'node:process'

/** Where etcd listens, today and as it did at first. */
const ENDPOINTS_DEFAULT = 'http://127.0.0.1:2379,http://127.0.0.1:4001'
const ENDPOINT_VARIABLES = ['ETCDCTL_ENDPOINTS', 'ETCDCTL_ENDPOINT', 'ETCDCTL_PEERS', 'ETCD_MACHINES', 'ETCD_HOST']
/** Secure first: whatever is insecure counts only when it is asked for. */
const SERVICES = [
  { name: '_etcd-client-ssl._tcp', scheme: 'https' },
  { name: '_etcd-client._tcp', scheme: 'http' },
] as const

/** The words that say which servers. */
export interface EndpointWords {
  readonly endpoints?: string
  readonly endpoint?: string
  readonly peers?: string
  readonly discoverySrv?: string
  readonly insecureDiscovery?: boolean
}

/** Servers, and the name that their certificates have to carry where it is not their own. */
export interface Servers {
  readonly endpoints: readonly string[]
  readonly servername: string | undefined
}

/** Whether the words themselves say which servers. */
export function areServersGiven({ endpoints, endpoint, peers, discoverySrv }: EndpointWords): boolean {
  return Boolean(endpoints || endpoint || peers || discoverySrv)
}

/** Whether a variable says it. */
export function areServersInVariables(): boolean {
  return (
    ourVariable('ENDPOINTS') !== undefined || variable('ETCDCTL_DISCOVERY_SRV', ...ENDPOINT_VARIABLES) !== undefined
  )
}

/** Asks words, variables and DNS, in this order. @throws RangeError when DNS knows no server of a domain. */
export async function serversOf(words: EndpointWords): Promise<Servers> {
  const domain = words.discoverySrv || variable('ETCDCTL_DISCOVERY_SRV')
  const insecure = words.insecureDiscovery === true || variable('ETCDCTL_INSECURE_DISCOVERY') !== undefined
  const found = domain === undefined ? [] : await discover(domain, insecure)
  const endpoints =
    found.length > 0
      ? found
      : namedEndpoints(words)
          .split(',')
          .map((text) => text.trim())
  return { endpoints, servername: insecure ? undefined : domain }
}

/**
 * Which URLs that members publish may be asked: where all that were given are https, none of http, for neither credentials nor a change
 * go out in the clear because a member says so. Standard error hears once of each that is left out.
 */
export class PublishedUrls {
  readonly #isSecure: boolean
  readonly #told = new Set<string>()

  /** @param given what the user named. */
  constructor(given: readonly string[]) {
    this.#isSecure = given.every((url) => url.startsWith('https:'))
  }

  mayAsk(url: string): boolean {
    if (!this.#isSecure || !url.startsWith('http:')) return true
    if (!this.#told.has(url)) {
      this.#told.add(url)
      process.stderr.write(`muster: not asking ${url}, which a member publishes: the endpoints given are https\n`)
    }
    return false
  }
}

/** The value of a variable of ours, named without its prefix. Empty counts as not set. */
export function ourVariable(name: string): string | undefined {
  return variable(`MUSTER_${name}`)
}

/** The value of the first of these variables that is set, likewise. */
export function variable(...names: readonly string[]): string | undefined {
  return names.map((name) => process.env[name]).find((text) => text !== undefined && text !== '')
}

function namedEndpoints(words: EndpointWords): string {
  const word = words.endpoints || words.endpoint || words.peers
  const named = word || ourVariable('ENDPOINTS')
  return named ?? variable(...ENDPOINT_VARIABLES) ?? ENDPOINTS_DEFAULT
}

async function discover(domain: string, insecure: boolean): Promise<readonly string[]> {
  const failures: string[] = []
  const endpoints: string[] = []
  for (const { name, scheme } of SERVICES) {
    try {
      const records = await dns.resolveSrv(`${name}.${domain}`)
      for (const { name: host, port } of records) endpoints.push(`${scheme}://${host.replace(/\.$/, '')}:${port}`)
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  }
  if (failures.length === SERVICES.length) throw new RangeError(`dns lookup errors: ${failures.join(' and ')}`)
  return endpoints.filter((endpoint) => {
    if (insecure || endpoint.startsWith('https:')) return true
    process.stderr.write(`ignoring discovered insecure endpoint "${endpoint}"\n`)
    return false
  })
}
