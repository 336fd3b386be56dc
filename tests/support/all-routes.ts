/**
 * Every path that a member serves to clients, from the routes themselves: one that is added is among them at once.
 */
import { createServer } from 'node:http'
import { buildApp } from '../../src/http/app.ts'
import { Cors } from '../../src/http/cors.ts'
import { Guard } from '../../src/http/guard.ts'
import { Slices } from '../../src/http/keys/slices.ts'
import { HTTP_LIMITS } from '../../src/http/limits.ts'
import { FakeMember } from './fake-member.ts'

/** Their paths, those of 0.4 too; parameters have a value. The key space comes first. */
export async function allRoutes(): Promise<readonly string[]> {
  const member = new FakeMember()
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const limits = HTTP_LIMITS
  const app = buildApp({
    member,
    cors: new Cors(undefined),
    guard: new Guard({ member, log, limits, clientCertAuth: false }),
    log,
    version: '0.0.0',
    slices: new Slices(limits.sliceMsMax),
    digestsMax: 1,
    limits,
    setLogLevel: () => {},
    legacyEndpoints: true,
    closing: new AbortController().signal,
    makeServer: () => createServer(),
  })
  const paths = new Set(['/v2/keys', '/v2/keys/a'])
  app.addHook('onRoute', ({ url }) => void paths.add(url.replace(/:\w+/g, 'x').replace('*', 'x')))
  await app.ready()
  await app.close()
  return [...paths]
}
