/**
 * Asking at a peer port who is in the cluster, before one is in it.
 *
 * Owns: the request, its limits, reading ids that are numbers of 64 bits. Source: API page, 7.4. Leaves to others: whom to ask, and what
 * follows from the answer (`member/join.ts`).
 */
import { memberId } from '../raft/types.ts'
import { openClient } from './dial.ts'
import { PeerError } from './errors.ts'
import type { ListedMember, PeerTls } from './options.ts'

/** A cluster as one of its members lists it. */
export interface Listing {
  readonly clusterId: string
  readonly members: readonly ListedMember[]
}

/** Longest answer read, bytes: some 20,000 members. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024

/** Asks at `url`. Rejects, within `timeoutMs`, when there is no answer or none that makes sense. */
export async function fetchListing(url: string, tls: PeerTls | undefined, timeoutMs: number): Promise<Listing> {
  const client = openClient(url, tls, ANSWER_BYTES_MAX)
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const { statusCode, headers, body } = await client.request({ path: '/members', method: 'GET', signal })
    const text = await body.text()
    const clusterId = headers['x-etcd-cluster-id']
    if (statusCode !== 200 || typeof clusterId !== 'string') {
      throw new PeerError(
        'MUSTER_PEER_UNREACHABLE',
        `${url} answered with status ${statusCode}, and no list of members`,
      )
    }
    return { clusterId, members: parseMembers(text) }
  } finally {
    await client.destroy().catch(() => {})
  }
}

/** A name cannot be mistaken for an id: its quotes are escaped. */
function parseMembers(text: string): readonly ListedMember[] {
  const members = JSON.parse(text.replace(/"id":(\d+)/g, '"id":"$1"')) as unknown
  if (!Array.isArray(members)) throw new TypeError('a list of members is an array')
  return members.map(({ id, name, peerURLs, clientURLs }: Record<string, unknown>) => ({
    id: memberId(BigInt(String(id)).toString(16)),
    name: String(name ?? ''),
    peerURLs: strings(peerURLs),
    clientURLs: strings(clientURLs),
  }))
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
