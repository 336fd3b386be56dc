/**
 * The agent's ear: a socket of this machine through which it is told to drain, to compare, and asked what it knows.
 *
 * Owns: the socket file, its folder's safety, the four requests. Leaves to others: asking (`control-client.ts`), the work (agent).
 *
 * A socket and not a key in the store: it works while the store is away, needs no rights on anybody's keys, and can say when
 * the work is done. Only this user can reach it.
 */
import { lstat, mkdir, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import process from 'node:process'
import type { Agent } from './agent.ts'
import type { RegisterLog } from './ports.ts'
import { RegisterError } from './register-error.ts'

/** Whoever asks for a drain is told after so long that it is not in the store yet. Milliseconds. */
export const DRAIN_WAIT_MS = 5_000
const CONNECTIONS_MAX = 16

/** What an agent says of itself. */
export interface AgentReport {
  readonly pid: number
  readonly instances: Agent['status']
}

/** Name of an agent's socket in the folder; other names there are none of ours. */
export const SOCKET_NAME = /^agent-(\d+)\.sock$/

export class Control {
  readonly #agent: Agent
  readonly #path: string
  readonly #server: Server
  readonly #waitMs: number

  private constructor(agent: Agent, path: string, waitMs: number) {
    this.#agent = agent
    this.#path = path
    this.#waitMs = waitMs
    this.#server = createServer((request, response) => void this.#answer(request, response))
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  /**
   * Listens in a folder that is this user's alone, which is made when missing; undefined, with a line in the log, when it cannot
   * be had: an agent without control still announces.
   */
  static async open(
    folder: string,
    agent: Agent,
    log: RegisterLog,
    waitMs: number = DRAIN_WAIT_MS,
  ): Promise<Control | undefined> {
    const path = join(folder, `agent-${process.pid}.sock`)
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await checkPrivate(folder)
      // Of a process that had our number before us.
      await unlink(path).catch(() => {})
      const control = new Control(agent, path, waitMs)
      await new Promise<void>((done, failed) => control.#server.once('error', failed).listen(path, done))
      return control
    } catch (error) {
      log.warn({ err: error, path }, 'cannot be controlled: no socket')
      return undefined
    }
  }

  /** Stops listening; the socket file goes too. */
  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((done) => this.#server.close(() => done()))
  }

  /** Where it listens. */
  get path(): string {
    return this.#path
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume()
    try {
      const url = new URL(request.url ?? '/', 'http://agent')
      const name = url.searchParams.get('name') ?? ''
      const id = url.searchParams.get('id') ?? undefined
      switch (`${request.method} ${url.pathname}`) {
        case 'GET /status':
          return send(response, 200, { pid: process.pid, instances: this.#agent.status } satisfies AgentReport)
        case 'POST /resync':
          this.#agent.resync()
          return send(response, 200, {})
        case 'POST /drain':
          return await this.#drain(response, name, id, true)
        case 'POST /undrain':
          return await this.#drain(response, name, id, false)
        default:
          return send(response, 404, { message: `no such request: ${request.method} ${url.pathname}` })
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error
      send(response, error instanceof RegisterError ? 409 : 500, { message: error.message })
    }
  }

  async #drain(response: ServerResponse, name: string, id: string | undefined, drained: boolean): Promise<void> {
    const late = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => late.resolve(undefined), this.#waitMs)
    try {
      const status = await Promise.race([this.#agent.drain(name, id, drained), late.promise])
      if (status !== undefined) return send(response, 200, status)
      send(response, 202, { message: 'the store cannot be asked now; it is told as soon as it can' })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** @throws RegisterError `MUSTER_REGISTER_NO_AGENT` when others could put something in its place. */
async function checkPrivate(folder: string): Promise<void> {
  const seen = await lstat(folder)
  if (seen.isDirectory() && seen.uid === process.getuid?.() && (seen.mode & 0o022) === 0) return
  throw new RegisterError('MUSTER_REGISTER_NO_AGENT', `"${folder}" is not a folder that only this user can write to`)
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
