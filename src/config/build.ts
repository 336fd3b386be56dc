/**
 * From the settings to the record `Config`.
 *
 * Owns: which option goes where, and defaults that follow from other options. Leaves to others: reading one value
 * (`settings.ts`), rules (`checks.ts`).
 */
import type { Config, Endpoint, InitialMember, ListenEndpoint, LogLevel, TlsConfig } from './config.ts'
import type { Option } from './option.ts'
import { OPTIONAL_CLIENT_URL, OPTIONAL_PEER_URL, OPTIONS } from './options.ts'
import { readSetting, type Settings } from './settings.ts'
import { listenEndpoints, parseEndpoint } from './urls.ts'

type UrlsOption = Option & { readonly kind: 'urls' }

/** Reads every option. Throws a LoadError with one sentence. */
export function buildConfig(settings: Settings): Config {
  const name = readSetting(settings, OPTIONS.name)
  const initialAdvertisePeerUrls = readSetting(settings, OPTIONS.initialAdvertisePeerUrls)
  return {
    name,
    dataDir: readSetting(settings, OPTIONS.dataDir) || `${name}.etcd`,
    listenClientUrls: listeners(settings, OPTIONS.listenClientUrls, OPTIONAL_CLIENT_URL),
    advertiseClientUrls: readSetting(settings, OPTIONS.advertiseClientUrls),
    cors: settings.has('cors') ? readSetting(settings, OPTIONS.cors) : [],
    hostWhitelist: readSetting(settings, OPTIONS.hostWhitelist),
    listenMetricsUrls: settings.has('listen-metrics-urls') ? listeners(settings, OPTIONS.listenMetricsUrls) : [],
    legacyEndpoints: readSetting(settings, OPTIONS.legacyEndpoints),
    clientTls: clientTls(settings),
    peerTls: peerTls(settings),
    listenPeerUrls: listeners(settings, OPTIONS.listenPeerUrls, OPTIONAL_PEER_URL),
    initialAdvertisePeerUrls,
    initialCluster: initialCluster(settings, name, initialAdvertisePeerUrls),
    initialClusterState: readSetting(settings, OPTIONS.initialClusterState) as 'new' | 'existing',
    initialClusterToken: readSetting(settings, OPTIONS.initialClusterToken),
    strictReconfigCheck: readSetting(settings, OPTIONS.strictReconfigCheck),
    forceNewCluster: readSetting(settings, OPTIONS.forceNewCluster),
    discovery: readSetting(settings, OPTIONS.discovery),
    discoveryFallback: readSetting(settings, OPTIONS.discoveryFallback) as 'proxy' | 'exit',
    discoveryProxy: readSetting(settings, OPTIONS.discoveryProxy),
    discoverySrv: readSetting(settings, OPTIONS.discoverySrv),
    discoverySrvName: readSetting(settings, OPTIONS.discoverySrvName),
    proxy: readSetting(settings, OPTIONS.proxy) as 'off' | 'on' | 'readonly',
    proxyFailureWaitMs: readSetting(settings, OPTIONS.proxyFailureWaitMs),
    proxyRefreshIntervalMs: readSetting(settings, OPTIONS.proxyRefreshIntervalMs),
    proxyDialTimeoutMs: readSetting(settings, OPTIONS.proxyDialTimeoutMs),
    proxyWriteTimeoutMs: readSetting(settings, OPTIONS.proxyWriteTimeoutMs),
    proxyReadTimeoutMs: readSetting(settings, OPTIONS.proxyReadTimeoutMs),
    heartbeatIntervalMs: readSetting(settings, OPTIONS.heartbeatIntervalMs),
    electionTimeoutMs: readSetting(settings, OPTIONS.electionTimeoutMs),
    snapshotCount: readSetting(settings, OPTIONS.snapshotCount),
    eventHistory: readSetting(settings, OPTIONS.eventHistory),
    eventHistoryBytes: readSetting(settings, OPTIONS.eventHistoryBytes),
    maxRequestBytes: readSetting(settings, OPTIONS.maxRequestBytes),
    maxConnections: readSetting(settings, OPTIONS.maxConnections),
    maxWatchers: readSetting(settings, OPTIONS.maxWatchers),
    maxRequestsInFlight: readSetting(settings, OPTIONS.maxRequestsInFlight),
    logLevel: readSetting(settings, OPTIONS.logLevel) as LogLevel,
    logFormat: readSetting(settings, OPTIONS.logFormat) as 'pretty' | 'json',
    logOutput: readSetting(settings, OPTIONS.logOutput),
  }
}

function clientTls(settings: Settings): TlsConfig {
  return {
    certFile: readSetting(settings, OPTIONS.certFile),
    keyFile: readSetting(settings, OPTIONS.keyFile),
    trustedCaFile: readSetting(settings, OPTIONS.trustedCaFile),
    clientCertAuth: readSetting(settings, OPTIONS.clientCertAuth),
    crlFile: readSetting(settings, OPTIONS.clientCrlFile),
    allowedCn: '',
    allowedHostname: readSetting(settings, OPTIONS.clientCertAllowedHostname),
    auto: readSetting(settings, OPTIONS.autoTls),
    cipherSuites: readSetting(settings, OPTIONS.cipherSuites),
  }
}

function peerTls(settings: Settings): TlsConfig {
  return {
    certFile: readSetting(settings, OPTIONS.peerCertFile),
    keyFile: readSetting(settings, OPTIONS.peerKeyFile),
    trustedCaFile: readSetting(settings, OPTIONS.peerTrustedCaFile),
    clientCertAuth: readSetting(settings, OPTIONS.peerClientCertAuth),
    crlFile: readSetting(settings, OPTIONS.peerCrlFile),
    allowedCn: readSetting(settings, OPTIONS.peerCertAllowedCn),
    allowedHostname: readSetting(settings, OPTIONS.peerCertAllowedHostname),
    auto: readSetting(settings, OPTIONS.peerAutoTls),
    cipherSuites: readSetting(settings, OPTIONS.cipherSuites),
  }
}

/** Addresses to listen on; by default also those of the old ports, which may be taken. */
function listeners(settings: Settings, option: UrlsOption, optionalUrl?: string): readonly ListenEndpoint[] {
  const endpoints = readSetting(settings, option).flatMap((endpoint) => listenEndpoints(endpoint, false))
  if (!settings.has(option.flag) && optionalUrl !== undefined) {
    endpoints.push(...listenEndpoints(parseEndpoint(optionalUrl), true))
  }
  return endpoints
}

/** Not set, it is this member alone under the URLs that it advertises, as in etcd. */
function initialCluster(settings: Settings, name: string, advertised: readonly Endpoint[]): readonly InitialMember[] {
  if (settings.has('initial-cluster')) return readSetting(settings, OPTIONS.initialCluster)
  return [{ name, peerUrls: advertised }]
}
