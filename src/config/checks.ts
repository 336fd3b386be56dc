/**
 * Rules on settings: the bounds of single ones, and rules that span several.
 *
 * Owns: the sentences. They are etcd's where it has the rule, since operators and scripts know them. What only matters
 * while there is no data yet is checked by `bootstrap.ts`.
 */
import type { Config, Endpoint } from './config.ts'
import { OPTION_ROWS, OPTIONS } from './options.ts'
import type { Settings } from './settings.ts'

/** The first rule that `config` breaks, as a sentence; undefined when all is well. */
export function brokenRule(config: Config): string | undefined {
  return timingRule(config) ?? boundsRule(config) ?? listenRule(config) ?? tlsRule(config)
}

/** The first rule that is broken by what was said and what was not, whatever the values; undefined when all is well. */
export function brokenSettings(settings: Settings): string | undefined {
  const bootstrap = ['initial-cluster', 'discovery', 'discovery-srv'].filter((flag) => isGiven(settings, flag))
  if (bootstrap.length > 1) {
    return 'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery" or "discovery-srv"'
  }
  const mode = settings.get('proxy')?.text ?? 'off'
  const fallback = settings.get('discovery-fallback')?.text ?? OPTIONS.discoveryFallback.fallback
  const mayBeProxy = mode !== 'off' || (isGiven(settings, 'discovery') && fallback === 'proxy')
  if (settings.has('listen-client-urls') && !settings.has('advertise-client-urls') && !mayBeProxy) {
    return '--advertise-client-urls is required when --listen-client-urls is set explicitly'
  }
  return undefined
}

function isGiven(settings: Settings, flag: string): boolean {
  return (settings.get(flag)?.text ?? '') !== ''
}

/** Serving without TLS where it was ordered would be worse than not serving. */
function tlsRule({ listenClientUrls, listenPeerUrls, clientTls, peerTls }: Config): string | undefined {
  for (const { href, protocol } of listenClientUrls) {
    if (protocol !== 'https' || clientTls.auto || (clientTls.certFile !== '' && clientTls.keyFile !== '')) continue
    return `TLS key/cert (--cert-file, --key-file) must be provided for client url ${href} with HTTPS scheme`
  }
  for (const { href, protocol } of listenPeerUrls) {
    if (protocol !== 'https' || peerTls.auto || (peerTls.certFile !== '' && peerTls.keyFile !== '')) continue
    return `TLS key/cert (--peer-cert-file, --peer-key-file) must be provided for peer url ${href} with HTTPS scheme`
  }
  for (const [prefix, tls] of [
    ['', clientTls],
    ['peer-', peerTls],
  ] as const) {
    if ((tls.certFile === '') === (tls.keyFile === '')) continue
    return `--${prefix}cert-file and --${prefix}key-file must both be present: the one is useless without the other`
  }
  return undefined
}

function timingRule(config: Config): string | undefined {
  const { heartbeatIntervalMs: heartbeat, electionTimeoutMs: election } = config
  const electionMax = OPTIONS.electionTimeoutMs.max
  if (heartbeat <= 0) return `--heartbeat-interval must be >0 (set to ${heartbeat}ms)`
  if (election <= 0) return `--election-timeout must be >0 (set to ${election}ms)`
  if (election < 5 * heartbeat) {
    return `--election-timeout[${election}ms] should be at least as 5 times as --heartbeat-interval[${heartbeat}ms]`
  }
  if (election > electionMax) {
    return `--election-timeout[${election}ms] is too long, and should be set less than ${electionMax}ms`
  }
  return undefined
}

function boundsRule(config: Config): string | undefined {
  for (const [key, { flag, min, max, unit }] of OPTION_ROWS) {
    const value = (config as unknown as Readonly<Record<string, unknown>>)[key]
    if (typeof value !== 'number' || min === undefined || max === undefined) continue
    if (value < min || value > max)
      return `--${flag} is ${value}, and should be ${min} to ${max} ${unit ?? ''}`.trimEnd()
  }
  return undefined
}

/** Two listeners cannot share an address; better said here than as a port in use. */
function listenRule(config: Config): string | undefined {
  const seen = new Map<string, string>()
  const groups: readonly (readonly [string, readonly Endpoint[]])[] = [
    ['--listen-client-urls', config.listenClientUrls],
    ['--listen-peer-urls', config.listenPeerUrls],
    ['--listen-metrics-urls', config.listenMetricsUrls],
  ]
  for (const [flag, endpoints] of groups) {
    for (const { href, port } of endpoints) {
      const earlier = port === 0 ? undefined : seen.get(href)
      if (earlier === flag) return `${flag} names ${href} twice`
      if (earlier !== undefined) return `${earlier} and ${flag} both name ${href}`
      seen.set(href, flag)
    }
  }
  return undefined
}
