/**
 * Routes of fastify that answer as etcd does: on the raw response, with the 405 of the page.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Cors, HeaderPairs } from './cors.ts'
import { sendNotAllowed } from './send.ts'

/** Answers one request. */
export type Answer = (response: ServerResponse, cors: HeaderPairs, request: FastifyRequest) => void

/**
 * Registers a path.
 * @param allow the methods as the `Allow` header lists them; any other method gets 405. `'*'`: every method is served alike.
 */
export function route(app: FastifyInstance, path: string, allow: string, cors: Cors, answer: Answer): void {
  const allowed = allow.split(',')
  app.all(path, (request, reply) => {
    reply.hijack()
    const pairs = cors.pairs(request.raw)
    if (allow === '*' || allowed.includes(request.method)) answer(reply.raw, pairs, request)
    else sendNotAllowed(reply.raw, pairs, allow)
  })
}
