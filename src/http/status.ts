/**
 * `/muster/v1/status`: what this member is and how far it is. Ours; etcd has nothing like it.
 */
import type { FastifyInstance } from 'fastify'
import type { Cors } from './cors.ts'
import type { Slices } from './keys/slices.ts'
import type { MemberPort, SelfStats } from './ports.ts'
import { route } from './route.ts'
import { send, sendMessage } from './send.ts'
import { SharedWork } from './shared-work.ts'

const ROLES = {
  StateLeader: 'leader',
  StateFollower: 'follower',
  StateCandidate: 'candidate',
  StatePreCandidate: 'preCandidate',
} as const satisfies Record<SelfStats['state'], string>

export interface StatusRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
  readonly version: string
  /** Where digests are made. */
  readonly slices: Slices
  /** How many may wait for a digest. */
  readonly digestsMax: number
}

/** Registers the route. */
export async function statusRoutes(app: FastifyInstance, options: StatusRoutesOptions): Promise<void> {
  const { member, cors, version, slices, digestsMax } = options
  const type = ['Content-Type', 'application/json', 'X-Muster-Version', version]
  const withDigest = new SharedWork(slices, digestsMax, () => {
    const status = statusOf(member, version)
    return renderWithDigest(status, member.store.digestSteps())
  })
  route(app, '/muster/v1/status', 'GET', cors, (response, pairs, request) => {
    const { searchParams } = new URL(request.url, 'http://member')
    if (searchParams.get('digest') !== 'true') {
      send(response, 200, pairs, type, `${JSON.stringify(statusOf(member, version))}\n`)
    } else if (!withDigest.ask(response, (text) => send(response, 200, pairs, type, text))) {
      sendMessage(response, 503, pairs, [], 'too many wait for a digest')
    }
  })
}

function statusOf(member: MemberPort, version: string): object {
  const { name, state } = member.selfStats()
  return {
    version,
    member: { id: member.memberId, name },
    clusterId: member.clusterId,
    role: ROLES[state],
    leader: member.leader() ?? null,
    learners: member.learners(),
    term: member.raftTerm,
    raftIndex: member.raftIndex,
    storeIndex: member.store.storeIndex,
    dataBytes: member.dataBytes ?? null,
  }
}

function* renderWithDigest(status: object, steps: Generator<void, string, void>): Generator<void, string, void> {
  return `${JSON.stringify({ ...status, digest: yield* steps })}\n`
}
