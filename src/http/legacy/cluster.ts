/**
 * What etcd 0.4 told about its cluster and 2.0 does not: `/v2/leader`, `/v2/peers`, `/v2/admin/…` (API page, 17).
 *
 * Owns: those forms, and that a machine is removed by its name. Leaves to others: removing it (the member behind the port).
 */
import type { FastifyInstance } from 'fastify'
import { ErrorCode, type MemberJson } from '../../api.ts'
import type { Cors } from '../cors.ts'
import { guarded } from '../failures.ts'
import type { Guard } from '../guard.ts'
import { jsonString } from '../keys/json.ts'
import { sendError } from '../keys/reply.ts'
import type { MemberChangeAnswer, MemberPort } from '../ports.ts'
import { route } from '../route.ts'
import { send, sendMessage, sendNotFound } from '../send.ts'

const TEXT = ['Content-Type', 'text/plain; charset=utf-8']
const JSON_TYPE = ['Content-Type', 'application/json']
/** 0.4's defaults. Nothing here takes members out of a cluster by itself. */
const CONFIG = '{"activeSize":9,"removeDelay":1800,"syncInterval":5}'

export interface LegacyClusterRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
  /** Only administrators remove machines. */
  readonly guard: Guard
}

/** Registers the routes. */
export async function legacyClusterRoutes(app: FastifyInstance, options: LegacyClusterRoutesOptions): Promise<void> {
  const { member, cors, guard } = options
  route(app, '/v2/leader', 'GET,HEAD', cors, (response, pairs) => {
    const leader = member.members().find(({ id }) => id === member.leader())
    if (leader === undefined) {
      sendError(response, member, pairs, ErrorCode.leaderElection, '', member.store.storeIndex)
    } else send(response, 200, pairs, [], leader.peerURLs[0] ?? '', TEXT)
  })
  route(app, '/v2/peers', 'GET,HEAD', cors, (response, pairs) => {
    const isLeader = ({ id }: MemberJson): boolean => id === member.leader()
    const members = member.members().toSorted((a, b) => Number(isLeader(b)) - Number(isLeader(a)))
    send(response, 200, pairs, [], members.flatMap(({ clientURLs }) => clientURLs).join(', '), TEXT)
  })
  route(app, '/v2/admin/config', 'GET', cors, (response, pairs) => send(response, 200, pairs, JSON_TYPE, CONFIG))
  route(app, '/v2/admin/machines', 'GET', cors, (response, pairs) => {
    const machines = member.members().map((each) => renderMachine(each, member.leader()))
    send(response, 200, pairs, JSON_TYPE, `[${machines.join(',')}]`)
  })
  route(app, '/v2/admin/machines/:name', 'GET,DELETE', cors, (response, pairs, { params, raw }) => {
    const { name } = params as { readonly name: string }
    const found = member.members().find((each) => each.name === name)
    if (found === undefined) sendNotFound(response, pairs)
    else if (raw.method === 'GET') send(response, 200, pairs, JSON_TYPE, renderMachine(found, member.leader()))
    else {
      guard.admitRoot(raw, response, pairs, () => {
        const told = guarded(response, ({ ok }: MemberChangeAnswer) => {
          if (ok) send(response, 200, pairs, [], '', TEXT)
          else sendMessage(response, 500, pairs, [], 'Internal Server Error')
        })
        member.memberChanges.remove(found.id, told)
      })
    }
  })
}

function renderMachine({ id, name, clientURLs, peerURLs }: MemberJson, leader: string | undefined): string {
  const state = id === leader ? 'leader' : 'follower'
  const urls = `"clientURL":${jsonString(clientURLs[0] ?? '')},"peerURL":${jsonString(peerURLs[0] ?? '')}`
  return `{"name":${jsonString(name)},"state":"${state}",${urls}}`
}
