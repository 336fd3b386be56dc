/**
 * The composition root of a proxy: builds its parts and owns the order of start and stop.
 *
 * Owns: from settings to the proxy's options, where it learns of the first members, and its TLS.
 */
import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import type { Config, InitialMember } from './config/config.ts'
import { resolvePeers } from './discovery/resolve.ts'
import { listenAll } from './member/listen.ts'
import { openFilesMax } from './member/open-files.ts'
import { fetchListing } from './peer/listing.ts'
import { readClusterFile, writeClusterFile } from './proxy/cluster-file.ts'
import { ProxyServer } from './proxy/proxy-server.ts'
import type { Running } from './start.ts'
import { StoreError } from './store/store-error.ts'
import type { TlsRole } from './tls/settings.ts'
import { TlsSide } from './tls/tls-side.ts'

/** What a stopping proxy allows for answers that are still awaited. Milliseconds. */
const DRAIN_MS_MAX = 1500
/** How long a member may take to say who is in the cluster. Milliseconds. */
const LIST_MS_MAX = 5000

/**
 * Starts a proxy. Where the data directory does not say who the members are, discovery or `--initial-cluster` does.
 *
 * @param members who is in the cluster, where that is known already.
 * @throws DiscoveryError, StoreError or TlsError with one sentence for the user.
 */
export async function startProxy(config: Config, log: Logger, members?: readonly InitialMember[]): Promise<Running> {
  const dataDir = resolve(config.dataDir)
  const given = members?.flatMap(({ peerUrls }) => peerUrls.map(({ href }) => href))
  const peerUrls = (await readClusterFile(dataDir)) ?? given ?? (await resolvePeers(config, { log }))
  const client = await openSide('client', config, log)
  const peer = await openSide('peer', config, log)
  const remember = (urls: readonly string[]): void => {
    writeClusterFile(dataDir, urls).catch((error: unknown) => {
      log.warn({ err: error }, 'cannot remember where the members are: the next start asks those of the options')
    })
  }
  // So that the next start is one of a proxy, also when no member was there to be asked.
  await writeClusterFile(dataDir, peerUrls).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    const sentence = `cannot use "${dataDir}" as data directory: ${reason}`
    throw new StoreError('MUSTER_DATA_DIR_UNUSABLE', sentence, { cause: error })
  })
  const proxy = new ProxyServer({
    isReadonly: config.proxy === 'readonly',
    peerUrls,
    failureWaitMs: config.proxyFailureWaitMs,
    refreshMs: config.proxyRefreshIntervalMs,
    dialMsMax: config.proxyDialTimeoutMs,
    writeMsMax: config.proxyWriteTimeoutMs,
    readMsMax: config.proxyReadTimeoutMs,
    list: async (url) => (await fetchListing(url, peer, LIST_MS_MAX)).members,
    remember,
    log,
    limits: {
      bodyBytesMax: config.maxRequestBytes,
      connectionsMax: config.maxConnections,
      openFilesMax: openFilesMax(),
    },
    ...(config.cors.length === 0 ? {} : { cors: config.cors }),
    hostWhitelist: config.hostWhitelist,
    makeSecureServer: client?.createServer,
    // As in etcd: with no certificates of its own towards clients, it shows members what members show each other.
    tls: client ?? peer,
  })

  let ended: (error: Error | undefined) => void = () => {}
  const finished = new Promise<Error | undefined>((done) => {
    ended = done
  })
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await proxy.close(DRAIN_MS_MAX)
    client?.close()
    peer?.close()
    ended(undefined)
  }
  return {
    ready: listenAll(config.listenClientUrls, (url) => proxy.listen([url]), log),
    finished,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
    describe: () => {
      const kind = config.proxy === 'readonly' ? 'read-only proxy' : 'proxy'
      const urls = proxy.addresses().map(({ origin }) => origin)
      return `${kind} "${config.name}" serves clients at ${urls.join(', ')} for the members at ${peerUrls.join(', ')}`
    },
  }
}

function openSide(role: TlsRole, config: Config, log: Logger): Promise<TlsSide | undefined> {
  return TlsSide.open({
    role,
    settings: role === 'client' ? config.clientTls : config.peerTls,
    log,
    ownFolder: join(resolve(config.dataDir), 'fixtures', role),
    hosts: config.listenClientUrls.map(({ host }) => host),
  })
}
