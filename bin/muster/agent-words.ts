/**
 * The words that `muster register` and `muster registrator` share.
 *
 * Owns: their options, and where agents of this user have their sockets.
 */
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { parseLayouts } from '../../src/sidecar/layouts/keys.ts'
import type { LayoutName } from '../../src/sidecar/layouts/layout.ts'
import { type AnnounceSettings, settleAnnouncing } from '../../src/sidecar/settings.ts'
import { type ConnectionWords, wholeNumber } from './connection.ts'
import { ourVariable, variable } from './endpoints.ts'
import { spanMs } from './go-values.ts'

const RESYNC_S_DEFAULT = 60
const SHUTDOWN_MS_DEFAULT = 5_000
const DAY_S = 86_400

export interface AgentWords extends ConnectionWords {
  readonly ttl?: number
  readonly ttlRefresh?: number
  readonly resync: number
  readonly layout?: string
  readonly prefix?: string
  readonly domain?: string
  readonly hostname?: string
  /** Milliseconds. */
  readonly shutdownTimeout: number
  readonly deregisterOnExit: boolean
  readonly statusFile?: string
  readonly metricsAddr?: string
  readonly logFormat?: string
  readonly once?: boolean
  readonly dryRun?: boolean
}

/** Adds them. */
export function addAgentOptions(command: Command): Command {
  const seconds = wholeNumber(1, DAY_S)
  return command
    .option(
      '--ttl <SECONDS>',
      'how long an announcement outlives its agent; three heartbeats at least (default: 30)',
      seconds,
    )
    .option('--ttl-refresh <SECONDS>', 'time between heartbeats (default: a third of --ttl)', seconds)
    .option(
      '--resync <SECONDS>',
      'time between comparisons with the store; 0: never',
      wholeNumber(0, DAY_S),
      RESYNC_S_DEFAULT,
    )
    .option(
      '--layout <NAMES>',
      'registrator, json, skydns2, backends, vulcand, traefik1, with commas (default: registrator)',
    )
    .option('--prefix <PATH>', 'directory of the services (default: /services)')
    .option('--domain <DOMAIN>', 'domain for skydns2 (default: skydns.local)')
    .option('--hostname <NAME>', "stands in ids (default: this machine's)")
    .option('--shutdown-timeout <DURATION>', 'how long removing may take', spanMs, SHUTDOWN_MS_DEFAULT)
    .option('--no-deregister-on-exit', 'leave everything to its TTL, for a new agent that takes over')
    .option('--status-file <FILE>', 'keep in this file what is known, as JSON')
    .option('--metrics-addr <ADDR>', 'serve /metrics and /status here, e.g. :9180')
    .option('--log-format <FORMAT>', 'pretty or json')
    .option('--once', 'announce, and end without removing it')
    .option('--dry-run', 'print the keys that would be written')
}

/** @param layouts instead of the default one. @throws RegisterError `MUSTER_REGISTER_BAD_SETTINGS` */
export function announcingOf(
  words: AgentWords,
  {
    layouts,
    prefix,
    domain,
  }: { layouts?: readonly LayoutName[]; prefix?: string | undefined; domain?: string | undefined } = {},
): AnnounceSettings {
  const { ttl, ttlRefresh, resync } = words
  const chosen = words.layout === undefined ? layouts : parseLayouts(words.layout)
  const place = { prefix: words.prefix ?? prefix, domain: words.domain ?? domain }
  return settleAnnouncing({
    resync,
    ...(ttl === undefined ? {} : { ttl }),
    ...(ttlRefresh === undefined ? {} : { refresh: ttlRefresh }),
    ...(chosen === undefined ? {} : { layouts: chosen }),
    ...(place.prefix === undefined ? {} : { prefix: place.prefix }),
    ...(place.domain === undefined ? {} : { domain: place.domain }),
  })
}

/** Where agents of this user listen: a folder of the session's where there is one, which nobody else can write to. */
export function runtimeFolder(): string {
  const session = variable('XDG_RUNTIME_DIR')
  const own = session === undefined ? join(tmpdir(), `muster-${userInfo().uid}`) : join(session, 'muster')
  return ourVariable('RUNTIME_DIR') ?? own
}
