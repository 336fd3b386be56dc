/**
 * What one server says of itself.
 *
 * Owns: reading muster's status, and making the same out of what etcd tells. Leaves to others: asking every member (callers).
 */
import { parseJson } from './answer-json.ts'
import { errorOf } from './failures.ts'
import type { Answer, Http } from './http.ts'
import type { CallOptions } from './keys.ts'

/** A member by its own account. */
export interface Status {
  readonly server: 'muster' | 'etcd'
  /** Of the program: muster's own, or etcd's. */
  readonly version: string
  readonly member: { readonly id: string; readonly name: string }
  /** Empty when the server does not tell. */
  readonly clusterId: string
  readonly role: 'leader' | 'follower' | 'candidate' | 'preCandidate'
  /** Its id; undefined: none is known. */
  readonly leader: string | undefined
  /** Ids of members that do not vote yet. Empty on etcd, where all vote. */
  readonly learners: readonly string[]
  /** 0 when the server does not tell; likewise the indexes. */
  readonly term: number
  readonly raftIndex: number
  readonly storeIndex: number
  /** Bytes of the data directory; undefined: not told. */
  readonly dataBytes: number | undefined
  /** Which server this is. */
  readonly endpoint: string
}

/** @throws ApiError of a server that is neither; ClientError. */
export async function statusOf(http: Http, options: CallOptions): Promise<Status> {
  const answer = await http.ask({ ...options, method: 'GET', target: '/muster/v1/status' })
  if (answer.status === 404) return etcdStatus(http, { ...options, endpoint: answer.endpoint })
  const body = parsed(answer)
  const member = body['member'] as Partial<Status['member']> | undefined
  const { leader, learners, dataBytes } = body
  return {
    server: 'muster',
    version: String(body['version'] ?? ''),
    member: { id: String(member?.id ?? ''), name: String(member?.name ?? '') },
    clusterId: String(body['clusterId'] ?? ''),
    role: roleOf(body['role']),
    leader: typeof leader === 'string' ? leader : undefined,
    learners: Array.isArray(learners) ? learners.map(String) : [],
    term: Number(body['term'] ?? 0),
    raftIndex: Number(body['raftIndex'] ?? 0),
    storeIndex: Number(body['storeIndex'] ?? 0),
    dataBytes: typeof dataBytes === 'number' ? dataBytes : undefined,
    endpoint: answer.endpoint,
  }
}

async function etcdStatus(http: Http, options: CallOptions): Promise<Status> {
  const ask = (target: string): Promise<Answer> => http.ask({ ...options, method: 'GET', target })
  const [version, self, keys] = await Promise.all([
    ask('/version'),
    ask('/v2/stats/self'),
    ask('/v2/keys/_muster_position'),
  ])
  const stats = parsed(self)
  const leader = (stats['leaderInfo'] as { readonly leader?: unknown } | undefined)?.leader
  return {
    server: 'etcd',
    version: versionOf(version.text),
    member: { id: String(stats['id'] ?? ''), name: String(stats['name'] ?? '') },
    clusterId: keys.clusterId,
    role: roleOf(stats['state']),
    leader: typeof leader === 'string' && leader !== '' ? leader : undefined,
    learners: [],
    // Errors carry no term, and this key is never there.
    term: keys.raftTerm,
    raftIndex: keys.raftIndex,
    storeIndex: keys.index,
    dataBytes: undefined,
    endpoint: self.endpoint,
  }
}

function parsed(answer: Answer): Readonly<Record<string, unknown>> {
  if (answer.status !== 200) throw errorOf(answer)
  return parseJson(answer)
}

/** JSON since 2.1, before that a sentence. */
function versionOf(text: string): string {
  return /"etcdserver":"([^"]+)"/.exec(text)?.[1] ?? text.replace(/^etcd /, '').trim()
}

function roleOf(state: unknown): Status['role'] {
  const word = String(state)
    .replace(/^State/, '')
    .toLowerCase()
  if (word === 'leader' || word === 'candidate') return word
  return word === 'precandidate' ? 'preCandidate' : 'follower'
}
