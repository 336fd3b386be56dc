/**
 * `/muster/v1/export?path=/`: a recursive listing with all that is hidden. Ours; etcd never lists hidden keys.
 *
 * Owns: who may (root, where users are on), how many at a time. The body is that of a recursive GET, so that one reader serves
 * for both. Leaves to others: rendering (keys/listing).
 */
import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { cleanPath } from '../store/path.ts'
import type { Cors, HeaderPairs } from './cors.ts'
import { guarded } from './failures.ts'
import type { Guard } from './guard.ts'
import { renderNode } from './keys/json.ts'
import { sendListing } from './keys/listing.ts'
import { sendFailure, successPairs } from './keys/reply.ts'
import type { Slices } from './keys/slices.ts'
import type { HttpLimits } from './limits.ts'
import type { MemberPort } from './ports.ts'
import { route } from './route.ts'
import { send, sendMessage } from './send.ts'

export interface ExportRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
  readonly guard: Guard
  readonly slices: Slices
  readonly limits: HttpLimits
}

/** Registers the route. */
export async function exportRoutes(app: FastifyInstance, options: ExportRoutesOptions): Promise<void> {
  const { member, cors, guard, slices, limits } = options
  let exports = 0
  const begin = (response: ServerResponse, pairs: HeaderPairs, path: string): void => {
    if (exports >= limits.exportsMax) {
      sendMessage(response, 503, pairs, [], 'too many exports (exportsMax reached)')
      return
    }
    exports += 1
    const end = (): void => {
      exports -= 1
    }
    const render = guarded(response, () => {
      const found = response.destroyed ? undefined : member.store.tree.get(path)
      if (found === undefined || 'ok' in found || !found.dir) {
        end()
        if (found === undefined) return
        if ('ok' in found) {
          sendFailure(response, member, pairs, found)
          return
        }
        const text = `{"action":"get","node":${renderNode(found, member.clockNowMs())}}\n`
        send(response, 200, pairs, successPairs(member, member.store.storeIndex), text)
        return
      }
      const listing = {
        directory: found,
        recursive: true,
        sorted: false,
        hidden: true,
        clockMs: member.clockNowMs(),
        cors: pairs,
        pairs: successPairs(member, member.store.storeIndex),
      }
      sendListing(response, listing, slices, limits.stallMsMax, end)
    })
    slices.add(() => {
      render()
      return true
    })
  }
  route(app, '/muster/v1/export', 'GET', cors, (response, pairs, request) => {
    const path = cleanPath(`/${new URL(request.url, 'http://member').searchParams.get('path') ?? ''}`)
    guard.admitRoot(request.raw, response, pairs, () => begin(response, pairs, path))
  })
}
