/**
 * What an operator asks of an ambassador: `/status` as JSON, `/metrics` for Prometheus, `/health` for a supervisor.
 *
 * Owns: the texts and the listener.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { formatAddress } from '../sidecar/names.ts'
import type { Ambassador } from './ambassador.ts'
import type { Door } from './door.ts'
import type { Backend } from './pool.ts'
import { AmbassadorError, type ListenAddress } from './settings.ts'

const CONNECTIONS_MAX = 64
const REQUEST_MS_MAX = 5_000

export class Report {
  readonly #server: Server

  private constructor(ambassador: Ambassador) {
    const limits = { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX }
    this.#server = createServer(limits, (request, response) => {
      request.resume()
      const { status, type, text } = answerTo(request.url ?? '/', ambassador)
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text)
    })
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  /** Listens. @throws AmbassadorError `MUSTER_AMBASSADOR_LISTEN` */
  static async open({ host, port }: ListenAddress, ambassador: Ambassador): Promise<Report> {
    const report = new Report(ambassador)
    try {
      await new Promise<void>((done, failed) => report.#server.once('error', failed).listen({ host, port }, done))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new AmbassadorError('MUSTER_AMBASSADOR_LISTEN', `cannot serve the status: ${why}`, error)
    }
    return report
  }

  get address(): AddressInfo {
    return this.#server.address() as AddressInfo
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()))
    this.#server.closeAllConnections()
    await closed
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

function answerTo(url: string, { doors }: Ambassador): Answer {
  switch (url.split('?')[0]) {
    case '/status':
      return json(200, { services: doors.map(statusOf) })
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4', text: metricsOf(doors) }
    case '/health': {
      // Old lists serve as well as new ones; a service without anybody does not.
      const well = doors.every((door) => listedOf(door).length > 0)
      return json(well ? 200 : 503, { health: String(well) })
    }
    default:
      return { status: 404, type: 'text/plain', text: 'try /status, /metrics or /health\n' }
  }
}

function json(status: number, body: object): Answer {
  return { status, type: 'application/json', text: `${JSON.stringify(body, undefined, 2)}\n` }
}

function listedOf(door: Door): readonly Backend[] {
  return [...door.pool.backends].filter(({ isListed }) => isListed)
}

/** @returns a door for `/status`. `known`: the store has been read; times in milliseconds. */
function statusOf(door: Door): object {
  const { list, settings, counts, connections, waiting, address } = door
  const nowMs = performance.now()
  return {
    service: settings.service,
    listen: formatAddress({ host: address.address, port: address.port }),
    known: list !== undefined,
    stale: list?.stale ?? false,
    index: list?.index ?? 0,
    connections,
    waiting,
    ...counts,
    instances: [...door.pool.backends].map((backend) => ({
      id: backend.id,
      address: backend.address,
      listed: backend.isListed,
      connections: backend.active,
      taken: backend.taken,
      failed: backend.failed,
      restsMs: Math.max(0, Math.round(backend.restUntilMs - nowMs)),
    })),
  }
}

type Row = readonly [name: string, kind: 'gauge' | 'counter', help: string, of: (door: Door) => number]

const ROWS: readonly Row[] = [
  ['instances', 'gauge', 'Instances to which new connections may go.', (door) => listedOf(door).length],
  ['stale', 'gauge', '1 when no server of the store answers.', ({ list }) => Number(list?.stale ?? true)],
  ['connections', 'gauge', 'Connections that are open.', ({ connections }) => connections],
  ['waiting_connections', 'gauge', 'Connections that wait for an instance.', ({ waiting }) => waiting],
  ['accepted_total', 'counter', 'Connections.', ({ counts }) => counts.accepted],
  ['refused_total', 'counter', 'Connections closed at once: there were too many.', ({ counts }) => counts.refused],
  ['abandoned_total', 'counter', 'Connections that no instance took.', ({ counts }) => counts.abandoned],
  ['retried_total', 'counter', 'Attempts that went to another instance.', ({ counts }) => counts.retried],
  ['cut_total', 'counter', 'Connections cut at the end of a drain.', ({ counts }) => counts.cut],
  ['up_bytes_total', 'counter', 'Bytes from consumers, of connections that are over.', ({ counts }) => counts.bytesUp],
  ['down_bytes_total', 'counter', 'Bytes to consumers, likewise.', ({ counts }) => counts.bytesDown],
]

function metricsOf(doors: readonly Door[]): string {
  const lines: string[] = []
  for (const [name, kind, help, of] of ROWS) {
    lines.push(`# HELP muster_ambassador_${name} ${help}`, `# TYPE muster_ambassador_${name} ${kind}`)
    for (const door of doors)
      lines.push(`muster_ambassador_${name}{service="${label(door.settings.service)}"} ${of(door)}`)
  }
  return `${lines.join('\n')}\n`
}

function label(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
}
