/**
 * TLS of a member: one side towards clients, one between members.
 *
 * Owns: from settings to the two sides, and what is said of settings without effect. Leaves to others: TLS itself (`tls/`).
 */
import { join, resolve } from 'node:path'
import type { Config, ListenEndpoint, TlsConfig } from '../config/config.ts'
import { canServe, doubtfulSettings, isConfigured, TlsError, type TlsLog, type TlsRole } from '../tls/settings.ts'
import type { TlsSide } from '../tls/tls-side.ts'

/** Undefined where a side is not configured. */
export interface MemberTls {
  readonly client: TlsSide | undefined
  readonly peer: TlsSide | undefined
  /** Stops looking at the files. */
  close(): void
}

/**
 * Opens both sides. The data directory has to be there: certificates of our own are kept in it.
 *
 * @throws TlsError with one sentence for the user.
 */
export async function openTls(config: Config, log: TlsLog): Promise<MemberTls> {
  // Metrics are served to clients of another kind, with the same certificates.
  const clientUrls = [...config.listenClientUrls, ...config.listenMetricsUrls]
  const client = await openSide('client', config.clientTls, clientUrls, config.dataDir, log)
  try {
    const peer = await openSide('peer', config.peerTls, config.listenPeerUrls, config.dataDir, log)
    return {
      client,
      peer,
      close: () => {
        client?.close()
        peer?.close()
      },
    }
  } catch (error) {
    client?.close()
    throw error
  }
}

/** Files that no URL of this side needs are not read for clients; other members may still be dialled with theirs. */
async function openSide(
  role: TlsRole,
  settings: TlsConfig,
  urls: readonly ListenEndpoint[],
  dataDir: string,
  log: TlsLog,
): Promise<TlsSide | undefined> {
  const hrefs = urls.map(({ href }) => href)
  const secure = urls.find(({ protocol }) => protocol === 'https')
  if (secure !== undefined && !canServe(settings)) {
    throw new TlsError(
      'MUSTER_TLS_SETTINGS',
      `cannot listen on TLS for ${secure.href}: KeyFile and CertFile are not presented`,
    )
  }
  for (const warning of doubtfulSettings(role, settings, hrefs)) log.warn({}, warning)
  if (!isConfigured(settings) || (role === 'client' && secure === undefined)) return undefined
  // Read from disk only where it is needed: without TLS a start is faster by that.
  const { TlsSide } = await import('../tls/tls-side.ts')
  return TlsSide.open({
    role,
    settings,
    log,
    ownFolder: join(resolve(dataDir), 'fixtures', role),
    hosts: urls.map(({ host }) => host),
  })
}
