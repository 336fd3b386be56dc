/**
 * The handshake: what two members tell each other before the first byte of a stream, and why they may refuse.
 *
 * Owns: header names, protocol versions, the comparison, the JSON of a refusal. Leaves to others: sockets and membership.
 *
 * Protocol versions:
 * - 1: frames of `codec.ts` as first released.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { MemberId } from '../raft/types.ts'
import { memberId } from '../raft/types.ts'
import type { PeerErrorCode } from './errors.ts'
import type { PeerIdentity } from './options.ts'

/** The oldest and the newest protocol version that this build speaks. */
const PROTOCOL_OLDEST = 1
const PROTOCOL_NEWEST = 1

/** Paths of the peer listener and the name of the upgraded protocol. */
export const STREAM_PATH = '/muster/v1/peer/stream'
export const SNAPSHOT_PATH = '/muster/v1/peer/snapshot'
export const STREAM_PROTOCOL = 'muster-raft'
/** Of the body of a snapshot. */
export const SNAPSHOT_TYPE = 'application/vnd.muster.snapshot'
/** Carries the InstallSnapshot message of a snapshot stream: `codec.ts`, in base64. */
export const SNAPSHOT_MESSAGE_HEADER = 'muster-message'

const HEADER = {
  protocol: 'muster-protocol',
  cluster: 'muster-cluster-id',
  from: 'muster-from',
  to: 'muster-to',
  heartbeat: 'muster-heartbeat-ms',
  election: 'muster-election-ms',
} as const

/** Where the sender is to be reached: URLs with commas between. Not everybody sends it. */
const URLS_HEADER = 'muster-peer-urls'
const URLS_LENGTH_MAX = 2000

/** Why a handshake failed; the JSON body of the answer. */
export interface Refusal {
  readonly status: number
  readonly code: PeerErrorCode
  /** Names the field, what the refusing member has and what it was sent. */
  readonly message: string
}

/** A handshake that we accept. */
export interface Greeting {
  readonly from: MemberId
  /** The newest protocol version that both speak. */
  readonly protocol: number
  /**
   * Of a member of our cluster that we do not know: where it is to be reached. It came while we were down or cut off, and
   * may be the leader that could tell us. (Raft takes entries from whoever leads, thesis 4.1.)
   */
  readonly guestUrls: readonly string[] | undefined
}

/** Whom we know; asked only about well-formed ids. */
export interface Membership {
  isMember(id: MemberId): boolean
  isRemoved(id: MemberId): boolean
}

/** The headers with which `identity` asks to reach `to`. */
export function greetingHeaders(identity: PeerIdentity, to: MemberId): Record<string, string> {
  const urls = identity.peerUrls?.join(',') ?? ''
  return {
    ...(urls === '' || urls.length > URLS_LENGTH_MAX ? {} : { [URLS_HEADER]: urls }),
    [HEADER.protocol]: `${PROTOCOL_OLDEST}-${PROTOCOL_NEWEST}`,
    [HEADER.cluster]: identity.clusterId,
    [HEADER.from]: identity.memberId,
    [HEADER.to]: to,
    [HEADER.heartbeat]: String(identity.heartbeatMs),
    [HEADER.election]: String(identity.electionMs),
  }
}

/** The headers of our consent: which version it is going to be, and who we are. */
export function consentHeaders(identity: PeerIdentity, greeting: Greeting): Record<string, string> {
  return {
    [HEADER.protocol]: `${greeting.protocol}-${greeting.protocol}`,
    [HEADER.cluster]: identity.clusterId,
    [HEADER.from]: identity.memberId,
  }
}

/** The acceptor's side: compares a stranger's headers with what we are. */
export function checkGreeting(
  headers: IncomingHttpHeaders,
  identity: PeerIdentity,
  membership: Membership,
): Greeting | Refusal {
  const text = (name: string): string | undefined => {
    const value = headers[name]
    return typeof value === 'string' ? value : undefined
  }
  for (const name of Object.values(HEADER)) {
    if (text(name) === undefined) return bad(name, undefined)
  }
  const protocol = commonProtocol(text(HEADER.protocol) as string)
  if (protocol === undefined) return bad(HEADER.protocol, text(HEADER.protocol))
  if (protocol === 0) {
    return refuse(
      409,
      'MUSTER_PEER_PROTOCOL',
      'protocol version',
      `${PROTOCOL_OLDEST}-${PROTOCOL_NEWEST}`,
      text(HEADER.protocol),
    )
  }
  if (text(HEADER.cluster) !== identity.clusterId) {
    return refuse(409, 'MUSTER_PEER_CLUSTER', 'cluster id', identity.clusterId, text(HEADER.cluster))
  }
  if (text(HEADER.to) !== identity.memberId) {
    return refuse(409, 'MUSTER_PEER_WRONG_MEMBER', 'member id', identity.memberId, text(HEADER.to))
  }
  const from = parseId(text(HEADER.from) as string)
  if (from === undefined) return bad(HEADER.from, text(HEADER.from))
  if (from === identity.memberId) {
    return refuse(409, 'MUSTER_PEER_WRONG_MEMBER', 'own member id', identity.memberId, from)
  }
  if (membership.isRemoved(from)) {
    return { status: 410, code: 'MUSTER_PEER_REMOVED', message: `member ${from} was removed from this cluster` }
  }
  const guestUrls = membership.isMember(from) ? undefined : parseUrls(text(URLS_HEADER))
  if (guestUrls === undefined && !membership.isMember(from)) {
    return {
      status: 403,
      code: 'MUSTER_PEER_UNKNOWN',
      message: `${from} is no member of this cluster, as far as is known here`,
    }
  }
  if (text(HEADER.heartbeat) !== String(identity.heartbeatMs)) {
    return refuse(
      409,
      'MUSTER_PEER_SETTINGS',
      'heartbeat-interval',
      `${identity.heartbeatMs} ms`,
      `${text(HEADER.heartbeat)} ms`,
    )
  }
  if (text(HEADER.election) !== String(identity.electionMs)) {
    return refuse(
      409,
      'MUSTER_PEER_SETTINGS',
      'election-timeout',
      `${identity.electionMs} ms`,
      `${text(HEADER.election)} ms`,
    )
  }
  return { from, protocol, guestUrls }
}

/** The dialler's side: checks that the one who consents is the member that we meant. Undefined when it is. */
export function checkConsent(headers: IncomingHttpHeaders, identity: PeerIdentity, to: MemberId): Refusal | undefined {
  const protocol = headers[HEADER.protocol]
  if (typeof protocol !== 'string' || !commonProtocol(protocol)) return bad(HEADER.protocol, String(protocol))
  if (headers[HEADER.cluster] !== identity.clusterId) {
    return refuse(409, 'MUSTER_PEER_CLUSTER', 'cluster id', identity.clusterId, String(headers[HEADER.cluster]))
  }
  if (headers[HEADER.from] !== to) {
    return refuse(409, 'MUSTER_PEER_WRONG_MEMBER', 'member id', to, String(headers[HEADER.from]))
  }
  return undefined
}

const CODES: ReadonlySet<string> = new Set<PeerErrorCode>([
  'MUSTER_PEER_BAD_HANDSHAKE',
  'MUSTER_PEER_PROTOCOL',
  'MUSTER_PEER_CLUSTER',
  'MUSTER_PEER_WRONG_MEMBER',
  'MUSTER_PEER_SETTINGS',
  'MUSTER_PEER_UNKNOWN',
  'MUSTER_PEER_REMOVED',
  'MUSTER_PEER_SNAPSHOT_BUSY',
  'MUSTER_PEER_SNAPSHOT_REFUSED',
])

/** The JSON body of a refusal. */
export function refusalBody(refusal: Refusal): string {
  return JSON.stringify({ code: refusal.code, message: refusal.message })
}

/** Reads an answer that is no consent. What is no refusal of ours becomes `MUSTER_PEER_UNREACHABLE`. */
export function parseRefusal(status: number, body: string): Refusal {
  try {
    const { code, message } = JSON.parse(body) as { code?: unknown; message?: unknown }
    if (typeof code === 'string' && CODES.has(code) && typeof message === 'string') {
      return { status, code: code as PeerErrorCode, message: message.slice(0, 500) }
    }
  } catch {
    // Not JSON: somebody else's server. Told below.
  }
  return {
    status,
    code: 'MUSTER_PEER_UNREACHABLE',
    message: `answered with status ${status}, which is no handshake of muster`,
  }
}

/** The newest common version, 0 when there is none, undefined when the header makes no sense. */
function commonProtocol(header: string): number | undefined {
  const match = /^(\d{1,6})-(\d{1,6})$/.exec(header)
  if (match === null) return undefined
  const oldest = Number(match[1])
  const newest = Number(match[2])
  if (oldest > newest || oldest < 1) return undefined
  const common = Math.min(newest, PROTOCOL_NEWEST)
  return common < Math.max(oldest, PROTOCOL_OLDEST) ? 0 : common
}

function parseId(text: string): MemberId | undefined {
  try {
    return memberId(text)
  } catch {
    return undefined
  }
}

function parseUrls(header: string | undefined): readonly string[] | undefined {
  if (header === undefined || header.length > URLS_LENGTH_MAX) return undefined
  const urls = header.split(',')
  const isEach = urls.every((url) => /^https?:\/\/[^/?#@\s]+$/.test(url) && URL.canParse(url))
  return isEach ? urls : undefined
}

function bad(header: string, found: string | undefined): Refusal {
  const what =
    found === undefined ? `header "${header}" is missing` : `cannot use header "${header}: ${found.slice(0, 80)}"`
  return { status: 400, code: 'MUSTER_PEER_BAD_HANDSHAKE', message: what }
}

function refuse(status: number, code: PeerErrorCode, field: string, have: string, sent: string | undefined): Refusal {
  return { status, code, message: `${field} differs: it is ${have} here and ${String(sent).slice(0, 80)} there` }
}
