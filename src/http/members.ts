/**
 * `/v2/members` and `/v2/machines`: who is in the cluster (API page, 7.1).
 */
import type { FastifyInstance } from 'fastify'
import type { MemberJson } from '../api.ts'
import type { Cors } from './cors.ts'
import { jsonString } from './keys/json.ts'
import type { MemberPort } from './ports.ts'
import { route } from './route.ts'
import { send, sendMessage, sendNotAllowed } from './send.ts'

const ALLOW = 'GET,POST,DELETE,PUT'

export interface MemberRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
}

/** Registers the routes. */
export async function memberRoutes(app: FastifyInstance, { member, cors }: MemberRoutesOptions): Promise<void> {
  for (const path of ['/v2/members', '/v2/members/', '/v2/members/*']) {
    app.all(path, (request, reply) => {
      reply.hijack()
      const pairs = cors.pairs(request.raw)
      const below = request.url.split('?', 1)[0]?.slice('/v2/members/'.length) ?? ''
      const clusterId = ['X-Etcd-Cluster-Id', member.clusterId]
      if (!ALLOW.split(',').includes(request.method)) sendNotAllowed(reply.raw, pairs, ALLOW)
      else if (request.method !== 'GET') sendNotAllowed(reply.raw, pairs, '', clusterId)
      else if (below === '') {
        const list = member.members().map(renderMember).join(',')
        const type = ['Content-Type', 'application/json', ...clusterId]
        send(reply.raw, 200, pairs, type, `{"members":[${list}]}\n`)
      } else if (below === 'leader') {
        const leader = member.members().find(({ id }) => id === member.leader())
        if (leader === undefined) sendMessage(reply.raw, 503, pairs, clusterId, 'During election')
        else
          send(reply.raw, 200, pairs, ['Content-Type', 'application/json', ...clusterId], `${renderMember(leader)}\n`)
      } else sendMessage(reply.raw, 404, pairs, clusterId, 'Not found')
    })
  }
  route(app, '/v2/machines', 'GET,HEAD', cors, (response, pairs) => {
    const urls = member.members().flatMap(({ clientURLs }) => clientURLs)
    send(response, 200, pairs, [], [...urls].sort().join(', '), ['Content-Type', 'text/plain; charset=utf-8'])
  })
}

function renderMember({ id, name, peerURLs, clientURLs }: MemberJson): string {
  return `{"id":"${id}","name":${jsonString(name)},"peerURLs":${renderUrls(peerURLs)},"clientURLs":${renderUrls(clientURLs)}}`
}

function renderUrls(urls: readonly string[]): string {
  return `[${urls.map(jsonString).join(',')}]`
}
