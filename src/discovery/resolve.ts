/**
 * Who the first members are, by whichever way the options name: a static list, a discovery token, SRV records.
 *
 * Owns: the choice, and the settings that follow from the answer. Leaves to others: whether there is data already, which makes
 * all of this moot (`member/start-state.ts`).
 */
import type { Config, InitialMember } from '../config/config.ts'
import { type DiscoveryLog, joinCluster, observeCluster } from './join.ts'
import { Registry } from './registry.ts'
import { type Resolver, srvCluster, srvPeers } from './srv.ts'
import { systemResolver } from './system-resolver.ts'

/** What discovery needs of the world. */
export interface DiscoveryParts {
  readonly log: DiscoveryLog
  readonly resolver?: Resolver
}

/**
 * Replaces `--discovery` or `--discovery-srv` by what they say; other settings come back as they are. Waits as long as members
 * are missing.
 *
 * @param id this member's id, computed with the URL of the token in place of the cluster's token (API page, 7.3).
 * @throws DiscoveryError with one sentence for the user.
 */
export async function resolveInitialCluster(
  config: Config,
  id: (token: string) => string,
  { log, resolver = systemResolver() }: DiscoveryParts,
): Promise<Config> {
  const { name, initialAdvertisePeerUrls, discovery, discoverySrv: domain, discoverySrvName: suffix } = config
  if (domain !== '') {
    const initialCluster = await srvCluster({ domain, suffix, resolver, log }, name, initialAdvertisePeerUrls)
    // DNS may know this member by a name where it advertises an address. All members must see one and the same text.
    const own = initialCluster.find((member) => member.name === name)?.peerUrls ?? initialAdvertisePeerUrls
    return { ...config, initialCluster, initialAdvertisePeerUrls: own }
  }
  if (discovery === '' || config.initialClusterState === 'existing') return config
  const registry = new Registry({ url: discovery, proxy: config.discoveryProxy })
  try {
    const self = { id: id(discovery), name, peerUrls: initialAdvertisePeerUrls.map(({ href }) => href) }
    const initialCluster = await joinCluster({ registry, url: discovery, log }, self)
    return { ...config, initialCluster, initialClusterToken: discovery }
  } finally {
    await registry.close()
  }
}

/** Peer URLs of a cluster for a process that is no member of it. Waits and throws like `resolveInitialCluster`. */
export async function resolvePeers(
  config: Config,
  { log, resolver = systemResolver() }: DiscoveryParts,
): Promise<readonly string[]> {
  const { discovery, discoverySrv: domain, discoverySrvName: suffix } = config
  if (domain !== '') return (await srvPeers({ domain, suffix, resolver, log })).map(({ href }) => href)
  if (discovery === '') return peerUrlsOf(config.initialCluster)
  const registry = new Registry({ url: discovery, proxy: config.discoveryProxy })
  try {
    return peerUrlsOf(await observeCluster({ registry, url: discovery, log }))
  } finally {
    await registry.close()
  }
}

function peerUrlsOf(members: readonly InitialMember[]): readonly string[] {
  return members.flatMap(({ peerUrls }) => peerUrls.map(({ href }) => href))
}
