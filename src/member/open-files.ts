/**
 * How the files that this process may have open are shared out, so that clients cannot take those that the store needs: LevelDB
 * ends for good when it cannot open its next log.
 *
 * Owns: reading the limit, the reserve, what is left for connections, and saying so. Leaves to others: holding to it (http, peer).
 */
import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { HTTP_LIMITS } from '../http/limits.ts'
import { PEER_LIMITS } from '../peer/options.ts'
import type { Log } from '../replica/ports.ts'
import { MemberError } from './member-error.ts'

/**
 * What a member needs besides connections that others open to it. Measured: Node.js has 23, LevelDB 4 while it rests and 6 at work
 * (it maps its tables and closes them), each listener one; the rest is for streams and snapshots to other members, the log, names that
 * are looked up, and certificates that are read again.
 */
export const OWN_FILES = 128
/** Of a limit that is not ample, connections at the peer ports may have this part. */
const PEER_PART = 1 / 4
/** Connections at one peer port, at least: others dial in for a stream and for a snapshot. */
const PEER_CONNECTIONS_MIN = 16
/** With fewer than this part of what was asked for, somebody should know. What is nearly all is news to nobody. */
const FEW_CONNECTIONS_PART = 1 / 2
/** With fewer for clients a member is of no use. */
const CLIENT_CONNECTIONS_MIN = 16

/** What is asked for, and the limit of all. */
export interface Wanted {
  /** Infinity: not limited. */
  readonly filesMax: number
  readonly clientConnections: number
  /** At listeners that serve metrics only. */
  readonly metricsConnections: number
  /** At one peer URL. */
  readonly peerConnections: number
  readonly peerUrls: number
}

/** What is granted. */
export interface Share {
  /** As it was given. */
  readonly filesMax: number
  readonly clientConnections: number
  readonly metricsConnections: number
  readonly peerConnections: number
}

/** For a member with these settings. @throws as `shareOpenFiles`. */
export function shareOf(config: Config): Share {
  return shareOpenFiles({
    filesMax: openFilesMax(),
    clientConnections: config.maxConnections,
    metricsConnections: config.listenMetricsUrls.length > 0 ? HTTP_LIMITS.metricsConnectionsMax : 0,
    peerConnections: PEER_LIMITS.connectionsMax,
    peerUrls: config.listenPeerUrls.length,
  })
}

/** Warns when clients got much less than was asked for. */
export function tellShare(share: Share, { maxConnections }: Pick<Config, 'maxConnections'>, log: Log): void {
  const { filesMax: openFilesMax, clientConnections: connectionsMax } = share
  if (connectionsMax >= maxConnections * FEW_CONNECTIONS_PART) return
  log.warn(
    { openFilesMax, maxConnections, connectionsMax },
    'fewer connections of clients are accepted than --max-connections says, for this process may not have so many files open: raise "ulimit -n" (LimitNOFILE), or lower --max-connections',
  )
}

/**
 * Leaves everything as it is wanted where that fits. Else peers and metrics get a part, and clients what is left.
 *
 * @throws MemberError MUSTER_FEW_OPEN_FILES when that is next to nothing.
 */
export function shareOpenFiles(wanted: Wanted): Share {
  const { filesMax, clientConnections, metricsConnections, peerConnections, peerUrls } = wanted
  if (OWN_FILES + clientConnections + metricsConnections + peerConnections * peerUrls <= filesMax) return wanted
  const left = filesMax - OWN_FILES
  const peerPart = Math.floor((left * PEER_PART) / Math.max(peerUrls, 1))
  const peers = Math.min(peerConnections, Math.max(peerPart, PEER_CONNECTIONS_MIN))
  const metrics = Math.min(metricsConnections, CLIENT_CONNECTIONS_MIN)
  const clients = Math.min(clientConnections, left - peers * peerUrls - metrics)
  const clientsMin = Math.min(clientConnections, CLIENT_CONNECTIONS_MIN)
  if (clients < clientsMin) {
    const needed = OWN_FILES + PEER_CONNECTIONS_MIN * peerUrls + metrics + clientsMin
    throw new MemberError(
      'MUSTER_FEW_OPEN_FILES',
      `cannot start: this process may have ${filesMax} files open, and a member needs ${needed} at the least; raise "ulimit -n" (LimitNOFILE)`,
    )
  }
  return { filesMax, clientConnections: clients, metricsConnections: metrics, peerConnections: peers }
}

/**
 * How many files this process may have open; Infinity where that is not limited or cannot be known.
 *
 * Linux has it in a file, which costs 0.1 ms; a report costs 2 ms at best and 80 ms with 5,000 connections, which a program around
 * us may have.
 */
export function openFilesMax(): number {
  let soft: number
  try {
    soft = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1])
  } catch {
    soft = reportedMax()
  }
  return Number.isNaN(soft) ? Number.POSITIVE_INFINITY : soft
}

function reportedMax(): number {
  const processReport: typeof process.report & { excludeNetwork?: boolean } = process.report
  const { excludeNetwork = false } = processReport
  // Otherwise it looks up the names of all who are connected, and waits for them.
  processReport.excludeNetwork = true
  try {
    const report = processReport.getReport() as { userLimits?: { open_files?: { soft?: number | 'unlimited' } } }
    return Number(report.userLimits?.open_files?.soft)
  } finally {
    processReport.excludeNetwork = excludeNetwork
  }
}
