/**
 * What an agent knows over HTTP, for those who gather metrics: `/metrics` and `/status`.
 *
 * Owns: both answers and the listener. Leaves to others: being told anything (control).
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Agent } from './agent.ts'
import { type HostPort, parseAddress } from './names.ts'
import { RegisterError } from './register-error.ts'

const CONNECTIONS_MAX = 64

export class ReportServer {
  readonly #server: Server

  private constructor(agent: Agent) {
    this.#server = createServer((request, response) => {
      request.resume()
      const path = (request.url ?? '').split('?')[0]
      if (path === '/metrics')
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(metrics(agent))
      else if (path === '/status') {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ instances: agent.status }))
      } else response.writeHead(404).end()
    })
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  /** Listens. @param address `host:port`, or `:port` for loopback. @throws RegisterError `MUSTER_REGISTER_BAD_SETTINGS`; what listening throws. */
  static async open(address: string, agent: Agent): Promise<ReportServer> {
    const port = /^:?(\d+)$/.exec(address)?.[1]
    const at = port === undefined ? parseAddress(address) : { host: '127.0.0.1', port: Number(port) }
    if (at === undefined)
      throw new RegisterError('MUSTER_REGISTER_BAD_SETTINGS', `"${address}" is no address for metrics`)
    const reports = new ReportServer(agent)
    await reports.#listen(at)
    return reports
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((done) => this.#server.close(() => done()))
  }

  #listen(at: HostPort): Promise<void> {
    return new Promise((done, failed) => this.#server.once('error', failed).listen(at, done))
  }
}

/** Prometheus' text format. */
function metrics(agent: Agent): string {
  const { status } = agent
  const count = (matches: (each: (typeof status)[number]) => boolean): number => status.filter(matches).length
  const lines = [
    '# HELP muster_agent_instances Instances that this agent announces, by their status.',
    '# TYPE muster_agent_instances gauge',
    ...(['passing', 'warning', 'critical', 'draining'] as const).map(
      (name) => `muster_agent_instances{status="${name}"} ${count((each) => each.status === name)}`,
    ),
    '# HELP muster_agent_away_instances Instances whose last request to the store failed.',
    '# TYPE muster_agent_away_instances gauge',
    `muster_agent_away_instances ${count((each) => each.store === 'away' || each.store === 'refused')}`,
    '# HELP muster_agent_yielded_instances Instances that gave way to a later registration under their id.',
    '# TYPE muster_agent_yielded_instances gauge',
    `muster_agent_yielded_instances ${count((each) => each.store === 'yielded')}`,
    '# HELP muster_agent_agreed_seconds Longest time since the store agreed with an instance.',
    '# TYPE muster_agent_agreed_seconds gauge',
    `muster_agent_agreed_seconds ${Math.max(0, ...status.map((each) => each.agreedSecondsAgo ?? 0))}`,
  ]
  return `${lines.join('\n')}\n`
}
