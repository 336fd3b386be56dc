/**
 * The fastify instance: everything but the key space.
 *
 * Owns: which plugins there are, 404, and what happens when a route throws. Leaves to others: listening (server), the raw
 * connection (front), each resource (its plugin).
 */
import { AssertionError } from 'node:assert'
import { METHODS, type Server } from 'node:http'
import Fastify, { type FastifyInstance } from 'fastify'
import { authRoutes } from './auth.ts'
import type { Cors } from './cors.ts'
import { debugRoutes } from './debug.ts'
import { exportRoutes } from './export.ts'
import { failRequest } from './failures.ts'
import type { Listener } from './front.ts'
import type { Guard } from './guard.ts'
import { healthRoutes } from './health.ts'
import type { Slices } from './keys/slices.ts'
import { legacyClusterRoutes } from './legacy/cluster.ts'
import { moduleRoutes } from './legacy/modules.ts'
import type { HttpLimits } from './limits.ts'
import { type LocalLogLevel, localConfigRoutes } from './local-config.ts'
import { memberRoutes } from './members.ts'
import type { HttpLog, MemberPort } from './ports.ts'
import { sendMessage, sendNotFound } from './send.ts'
import { statsRoutes } from './stats.ts'
import { statusRoutes } from './status.ts'
import { storeIndexRoutes } from './store-index.ts'

export interface AppOptions {
  readonly member: MemberPort
  readonly cors: Cors
  readonly guard: Guard
  readonly log: HttpLog
  /** muster's own version. */
  readonly version: string
  /** Where digests are made, and how many requests may wait for one. */
  readonly slices: Slices
  readonly digestsMax: number
  readonly limits: HttpLimits
  /** Changes the level of the log from now on. */
  readonly setLogLevel: (level: LocalLogLevel) => void
  /** Whether what 2.0 dropped is served. */
  readonly legacyEndpoints: boolean
  /** Aborted when the server closes. */
  readonly closing: AbortSignal
  /** Makes the server that fastify counts as its own, around its handler. */
  readonly makeServer: (handler: Listener) => Server
}

/** Builds the instance; `ready()` has still to be awaited. */
export function buildApp(options: AppOptions): FastifyInstance {
  const { member, cors, guard, log, limits, version, slices, digestsMax, setLogLevel } = options
  const app = Fastify({
    serverFactory: (handler) => options.makeServer(handler),
    logger: false,
    exposeHeadRoutes: false,
    // The front has cleaned the path, and etcd knows no other spelling of it.
    routerOptions: { ignoreTrailingSlash: false, ignoreDuplicateSlashes: false },
  })
  // All answers are the same whatever the body is, so none is read: fastify would refuse those that it cannot parse before a
  // route is asked. And a method that fastify does not know by itself is for the route to refuse, like any other.
  for (const method of METHODS) {
    if (method !== 'CONNECT') app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
  }
  app.setNotFoundHandler((request, reply) => {
    reply.hijack()
    sendNotFound(reply.raw, cors.pairs(request.raw))
  })
  app.setErrorHandler((error, request, reply) => {
    log.error({ err: error, url: request.url }, 'a route failed')
    reply.hijack()
    sendMessage(reply.raw, 500, cors.pairs(request.raw), [], 'Internal Server Error')
  })
  // Routes answer on the raw response: what they throw after they took it is nothing to fastify.
  app.addHook('onRoute', (route) => {
    const { handler } = route
    route.handler = function serve(request, reply) {
      try {
        handler.call(this, request, reply)
      } catch (error) {
        if (error instanceof AssertionError) setImmediate(rethrow, error)
        else failRequest(reply.raw, error)
      }
    }
  })
  app.register(authRoutes, { member, cors, guard, slices, limits })
  app.register(memberRoutes, { member, cors, guard })
  app.register(statsRoutes, { member, cors })
  app.register(healthRoutes, { member, cors })
  app.register(debugRoutes, { member, cors })
  app.register(localConfigRoutes, { cors, setLogLevel })
  if (options.legacyEndpoints) {
    app.register(legacyClusterRoutes, { member, cors, guard })
    app.register(moduleRoutes, { member, cors, guard, limits, closing: options.closing })
  }
  app.register(statusRoutes, { member, cors, version, slices, digestsMax })
  app.register(exportRoutes, { member, cors, guard, slices, limits })
  app.register(storeIndexRoutes, { member, cors, guard })
  return app
}

/** Out of fastify, which catches everything: broken invariants end the process. */
function rethrow(error: AssertionError): never {
  throw error
}
