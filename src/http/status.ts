/**
 * `/muster/v1/status`: what this member is and how far it is. Ours; etcd has nothing like it.
 */
import type { FastifyInstance } from 'fastify'
import type { Cors } from './cors.ts'
import type { MemberPort, SelfStats } from './ports.ts'
import { route } from './route.ts'
import { send } from './send.ts'

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
}

/** Registers the route. */
export async function statusRoutes(
  app: FastifyInstance,
  { member, cors, version }: StatusRoutesOptions,
): Promise<void> {
  route(app, '/muster/v1/status', 'GET', cors, (response, pairs, request) => {
    const { name, state } = member.selfStats()
    const { searchParams } = new URL(request.url, 'http://member')
    const status = {
      version,
      member: { id: member.memberId, name },
      clusterId: member.clusterId,
      role: ROLES[state],
      leader: member.leader() ?? null,
      term: member.raftTerm,
      raftIndex: member.raftIndex,
      storeIndex: member.store.storeIndex,
      // Walks the whole tree, so only for those who ask.
      ...(searchParams.get('digest') === 'true' ? { digest: member.store.digest() } : {}),
    }
    send(
      response,
      200,
      pairs,
      ['Content-Type', 'application/json', 'X-Muster-Version', version],
      `${JSON.stringify(status)}\n`,
    )
  })
}
