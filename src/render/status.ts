/**
 * What an operator asks of the agent: `/status` as JSON, `/metrics` for Prometheus, `/health` for a supervisor.
 *
 * Owns: the texts, and the server that hands them out.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Agent } from './agent.ts'
import type { StoreHealth } from './store-health.ts'
import type { Work } from './work.ts'

const CONNECTIONS_MAX = 64
const REQUEST_MS_MAX = 5_000

export interface StatusServer {
  readonly port: number
  close(): Promise<void>
}

/** Where to listen; port 0 is any that is free. */
export interface StatusAddress {
  readonly host: string
  readonly port: number
}

/** Serves there. Rejects when the address cannot be had. */
export async function serveStatus(at: StatusAddress, agent: Agent, store: StoreHealth): Promise<StatusServer> {
  const server = createServer(
    { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX },
    (request, response) => {
      const answer =
        request.method === 'GET' || request.method === 'HEAD' ? answerTo(request.url ?? '/', agent, store) : undefined
      const { status, type, text } = answer ?? {
        status: 404,
        type: 'text/plain',
        text: 'try /status, /metrics or /health\n',
      }
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text)
    },
  )
  server.maxConnections = CONNECTIONS_MAX
  await listening(server, at)
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

function listening(server: Server, at: StatusAddress): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', failed)
    server.listen({ host: at.host, port: at.port }, () => done())
  })
}

interface Reply {
  readonly status: number
  readonly type: string
  readonly text: string
}

function answerTo(url: string, agent: Agent, store: StoreHealth): Reply | undefined {
  switch (url.split('?')[0]) {
    case '/status':
      return {
        status: 200,
        type: 'application/json',
        text: `${JSON.stringify(statusOf(agent, store), undefined, 2)}\n`,
      }
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4', text: metricsOf(agent, store) }
    case '/health': {
      const well = store.state.reachable !== false && agent.works.every(({ state }) => state.error === undefined)
      return { status: well ? 200 : 503, type: 'application/json', text: `{"health":"${well}"}\n` }
    }
    default:
      return undefined
  }
}

/** Everything, for `/status`. Times as RFC 3339; null: never. */
function statusOf(agent: Agent, store: StoreHealth): object {
  const { reachable, sinceMs, error } = store.state
  return {
    store: { reachable: reachable ?? null, since: timeOf(sinceMs), error: error ?? null, resyncs: agent.resyncs },
    templates: agent.works.map((work) => templateOf(work, agent.seenIndex(work.resource))),
  }
}

function templateOf({ resource, state, pending }: Work, seenIndex: number | undefined): object {
  return {
    name: resource.name,
    src: resource.src,
    dest: resource.dest,
    lastIndex: state.lastIndex,
    seenIndex: seenIndex ?? null,
    pending,
    lastSuccess: timeOf(state.lastSuccessMs),
    lastError: state.error === undefined ? null : { ...state.error, at: timeOf(state.lastErrorMs) },
    owesReload: state.owesReload,
    renders: state.renders,
    replaced: state.replaced,
    reloads: state.reloads,
    failures: state.failures,
  }
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

type Row = readonly [name: string, kind: 'gauge' | 'counter', help: string, of: (work: Work) => number]

const ROWS: readonly Row[] = [
  ['last_index', 'gauge', 'Store index up to which the file follows.', ({ state }) => state.lastIndex],
  [
    'last_success_seconds',
    'gauge',
    'When it last was as it should be.',
    ({ state }) => (state.lastSuccessMs ?? 0) / 1000,
  ],
  ['ok', 'gauge', '1 when the last attempt succeeded.', ({ state }) => Number(state.error === undefined)],
  ['pending', 'gauge', '1 when a change is still to be shown.', ({ pending }) => Number(pending)],
  ['renders_total', 'counter', 'Renderings.', ({ state }) => state.renders],
  ['replaced_total', 'counter', 'Files put in place.', ({ state }) => state.replaced],
  ['reloads_total', 'counter', 'Reloads that succeeded.', ({ state }) => state.reloads],
  ['failures_total', 'counter', 'Attempts that failed.', ({ state }) => state.failures],
]

function metricsOf(agent: Agent, store: StoreHealth): string {
  const lines = [
    '# HELP muster_render_store_reachable 1 when the store answered last.',
    '# TYPE muster_render_store_reachable gauge',
    `muster_render_store_reachable ${Number(store.state.reachable === true)}`,
    '# HELP muster_render_resyncs_total Times that keys were read again because events had been lost (error 401).',
    '# TYPE muster_render_resyncs_total counter',
    `muster_render_resyncs_total ${agent.resyncs}`,
  ]
  for (const [name, kind, help, of] of ROWS) {
    lines.push(`# HELP muster_render_${name} ${help}`, `# TYPE muster_render_${name} ${kind}`)
    for (const work of agent.works)
      lines.push(`muster_render_${name}{template="${label(work.resource.name)}"} ${of(work)}`)
  }
  return `${lines.join('\n')}\n`
}

function label(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
}
