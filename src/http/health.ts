/**
 * `/version`, `/health` and `/metrics` (API page, 9).
 */
import type { FastifyInstance } from 'fastify'
import type { Cors } from './cors.ts'
import { guarded } from './failures.ts'
import type { MemberPort } from './ports.ts'
import { route } from './route.ts'
import { send } from './send.ts'

/** The versions of etcd that clients take this for, and choose their protocol by. */
export const ETCD_VERSION = { server: '2.3.8', cluster: '2.3.0' } as const
const VERSION = `{"etcdserver":"${ETCD_VERSION.server}","etcdcluster":"${ETCD_VERSION.cluster}"}`
const TEXT = ['Content-Type', 'text/plain; charset=utf-8']

export interface HealthRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
}

/** Registers the routes. */
export async function healthRoutes(app: FastifyInstance, { member, cors }: HealthRoutesOptions): Promise<void> {
  route(app, '/version', 'GET', cors, (response, pairs) => {
    send(response, 200, pairs, ['Content-Type', 'application/json'], VERSION)
  })
  route(app, '/health', 'GET', cors, (response, pairs) => {
    const told = guarded(response, (ok: boolean) => {
      if (ok) send(response, 200, pairs, [], '{"health":"true"}', TEXT)
      else send(response, 503, pairs, [...TEXT, 'X-Content-Type-Options', 'nosniff'], '{"health":"false"}\n')
    })
    member.healthy(told)
  })
  route(app, '/metrics', '*', cors, (response, pairs) => {
    member.metricsText().then(
      guarded(response, (text) => {
        send(response, 200, pairs, ['Content-Type', 'text/plain; version=0.0.4; charset=utf-8'], text)
      }),
      guarded(response, () => send(response, 500, pairs, TEXT, 'metrics cannot be read\n')),
    )
  })
}
