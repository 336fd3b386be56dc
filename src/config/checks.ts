/**
 * Rules on settings: the bounds of single ones, and rules that span several.
 *
 * Owns: the sentences. They are etcd's where it has the rule, since operators and scripts know them. What only matters
 * while there is no data yet is checked by `bootstrap.ts`.
 */
import type { Config, Endpoint } from './config.ts'
import { OPTION_ROWS, OPTIONS } from './options.ts'

/** The first rule that `config` breaks, as a sentence; undefined when all is well. */
export function brokenRule(config: Config): string | undefined {
  return timingRule(config) ?? boundsRule(config) ?? listenRule(config)
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
    const value = config[key]
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
