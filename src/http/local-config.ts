/**
 * `/config/local/log`: the level of this process's log, changed while it runs (API page, 9).
 *
 * Owns: the words of etcd for levels, and which of ours each means. Leaves to others: the log itself (`musterd.ts`).
 */
import type { FastifyInstance } from 'fastify'
import type { Cors } from './cors.ts'
import { BodyBudget, readBody } from './keys/body.ts'
import { jsonString } from './keys/json.ts'
import { route } from './route.ts'
import { send } from './send.ts'
import { decodeUtf8 } from './text.ts'

/** A level of our log. */
export type LocalLogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'

/** Bytes of a body. A longer one is no level, and answered as one that is no JSON. */
const BODY_BYTES_MAX = 4096
/** Bytes of all such bodies being received at a time. */
const BODIES_BYTES_MAX = 1024 * 1024

const LEVELS: ReadonlyMap<string, LocalLogLevel> = new Map([
  ['CRITICAL', 'fatal'],
  ['C', 'fatal'],
  ['ERROR', 'error'],
  ['E', 'error'],
  ['0', 'error'],
  ['WARNING', 'warn'],
  ['W', 'warn'],
  ['1', 'warn'],
  ['NOTICE', 'info'],
  ['N', 'info'],
  ['2', 'info'],
  ['INFO', 'info'],
  ['I', 'info'],
  ['3', 'info'],
  ['DEBUG', 'debug'],
  ['D', 'debug'],
  ['4', 'debug'],
  ['TRACE', 'trace'],
  ['T', 'trace'],
  ['5', 'trace'],
])

export interface LocalConfigRoutesOptions {
  readonly cors: Cors
  /** Changes the level from now on. */
  readonly setLogLevel: (level: LocalLogLevel) => void
}

/** Registers the route. */
export async function localConfigRoutes(app: FastifyInstance, options: LocalConfigRoutesOptions): Promise<void> {
  const { cors, setLogLevel } = options
  const budget = new BodyBudget(BODIES_BYTES_MAX)
  route(app, '/config/local/log', 'PUT', cors, (response, pairs) => {
    const refuse = (message: string): void => {
      send(response, 400, pairs, ['Content-Type', 'application/json'], `{"message":${jsonString(message)}}`)
    }
    readBody(response, BODY_BYTES_MAX, budget, (body) => {
      const name = typeof body === 'string' ? readLevelName(decodeUtf8(body)) : undefined
      if (name === undefined) {
        refuse('Invalid json body')
        return
      }
      const level = LEVELS.get(name.toUpperCase())
      if (level === undefined) {
        refuse(`Invalid log level ${name}`)
        return
      }
      setLogLevel(level)
      send(response, 204, pairs, [], '')
    })
  })
}

/** The value of `Level`, in whatever case its name is written; undefined when the text is not such an object. */
function readLevelName(text: string): string | undefined {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return undefined
  }
  if (body === null) return ''
  if (typeof body !== 'object' || Array.isArray(body)) return undefined
  let name = ''
  for (const [field, value] of Object.entries(body)) {
    if (field.toLowerCase() !== 'level' || value === null) continue
    if (typeof value !== 'string') return undefined
    name = value
  }
  return name
}
