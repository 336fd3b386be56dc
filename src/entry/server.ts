/**
 * A member inside another program: what `import { startServer } from 'musterd'` gives.
 *
 * Owns: its life in a process that is not ours: no signal handlers, no end of the process, nothing left behind by `stop`: neither
 * listener, nor timer, nor temporary folder. Leaves to others: the member (`musterd.ts`), its settings (`server-settings.ts`).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'
import { type Member, startMember } from '../musterd.ts'
import { MusterClient } from './client.ts'
import { type Ports, peerPortOf, type ServerOptions, serverConfig } from './server-settings.ts'
import { timeOf } from './test-clock.ts'

export type { ServerOptions, ServerOverrides } from './server-settings.ts'
export { type TestClock, testClock } from './test-clock.ts'

/** Between choosing a free port and listening there, somebody else may take it; so often others are chosen. */
const PORT_CHOICES_MAX = 5

/** How `stop` stops. */
export interface StopOptions {
  /** Give leadership away first, so that a cluster's writes go on without an election. True by default. */
  readonly transferLeadership?: boolean
}

/** A member that runs in this process. */
export interface EmbeddedServer {
  /** Where clients are served: the first of `clientUrls`. */
  readonly url: string
  readonly clientUrls: readonly string[]
  readonly peerUrls: readonly string[]
  /** 16 hex digits. */
  readonly memberId: string
  readonly clusterId: string
  /** Where its data are; when none was given, a folder that `stop` removes. */
  readonly dataDir: string
  /** Resolves when it has stopped: with the error that ended it, or undefined after `stop`. Never rejects. */
  readonly finished: Promise<Error | undefined>
  /**
   * A client of this server alone, without credentials. It does not go over TCP, nor needs to know the server's certificate; other
   * members are asked over TCP once `sync` has found them. Closed with the server at the latest.
   */
  client(): MusterClient
  /** Answers or ends what waits, writes what is not written, closes. Safe to call twice. */
  stop(options?: StopOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a member in this process and resolves once clients are served. Of several that form a cluster each waits for a
 * majority, so start them together.
 *
 * @throws RangeError on options that are not possible; an Error with a `code` beginning `MUSTER_` when it cannot start; the
 * signal's reason.
 * @example
 * await using server = await startServer()
 * await server.client().set('/greeting', 'hello')
 */
export async function startServer(options: ServerOptions = {}): Promise<EmbeddedServer> {
  const { signal } = options
  signal?.throwIfAborted()
  const log = childLog(options)
  for (let left = PORT_CHOICES_MAX; ; left -= 1) {
    const ports = await choosePorts(options)
    try {
      return await startAt(options, ports, log)
    } catch (error) {
      signal?.throwIfAborted()
      const isChosen = (options.port ?? 0) === 0 || peerPortOf(options) === 0
      if (left === 1 || !isChosen || codeOf(error) !== 'MUSTER_LISTEN_FAILED') throw error
    }
  }
}

async function startAt(options: ServerOptions, ports: Ports, log: Logger): Promise<EmbeddedServer> {
  const isEphemeral = options.dataDir === undefined
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'musterd-')))
  const removeData = async (): Promise<void> => {
    if (isEphemeral) await rm(dataDir, { recursive: true, force: true, maxRetries: 3 })
  }
  let member: Member | undefined
  try {
    member = await startMember(serverConfig(options, dataDir, ports), log, {
      isEmbedded: true,
      ...timeOf(options.clock),
    })
    const server = new Embedded(member, dataDir, removeData)
    await server.untilReady(options.signal)
    return server
  } catch (error) {
    // What went wrong first is what the caller has to know.
    await member?.stop({ handOver: false }).catch(() => {})
    await removeData()
    throw error
  }
}

class Embedded implements EmbeddedServer {
  readonly dataDir: string
  readonly finished: Promise<Error | undefined>
  readonly #member: Member
  readonly #removeData: () => Promise<void>
  readonly #clients = new Set<MusterClient>()
  #clientUrls: readonly string[] = []
  #stopping: Promise<void> | undefined
  #unlisten = (): void => {}

  constructor(member: Member, dataDir: string, removeData: () => Promise<void>) {
    this.#member = member
    this.dataDir = dataDir
    this.#removeData = removeData
    // A member that ends by itself, because its disk failed or it was removed from its cluster, leaves nothing behind either.
    this.finished = member.finished.then(async (error) => {
      await this.stop({ transferLeadership: false }).catch(() => {})
      return error
    })
  }

  get url(): string {
    return this.#clientUrls[0] ?? ''
  }

  get clientUrls(): readonly string[] {
    return this.#clientUrls
  }

  get peerUrls(): readonly string[] {
    return this.#member.peerUrls
  }

  get memberId(): string {
    return this.#member.memberId
  }

  get clusterId(): string {
    return this.#member.clusterId
  }

  /** Resolves once clients are served; from then on the signal stops the server. @throws what kept it from it; the signal's reason. */
  async untilReady(signal: AbortSignal | undefined): Promise<void> {
    const ended = this.#member.finished.then((error) => {
      throw error ?? new Error('the server was stopped while it started')
    })
    ended.catch(() => {})
    const aborted = Promise.withResolvers<never>()
    aborted.promise.catch(() => {})
    const abort = (): void => {
      if (this.#clientUrls.length > 0) void this.stop().catch(() => {})
      else aborted.reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    this.#unlisten = () => signal?.removeEventListener('abort', abort)
    this.#member.ready.catch(() => {})
    try {
      signal?.throwIfAborted()
      await Promise.race([this.#member.ready, ended, aborted.promise])
      signal?.throwIfAborted()
    } catch (error) {
      this.#unlisten()
      throw error
    }
    this.#clientUrls = [...this.#member.clientUrls]
  }

  client(): MusterClient {
    const inner = new Set(this.#clientUrls)
    const client = new MusterClient({
      endpoints: this.#clientUrls,
      connect: (origin) => (inner.has(origin) ? this.#member.connect() : undefined),
    })
    this.#clients.add(client)
    client.closed.addEventListener('abort', () => this.#clients.delete(client), { once: true })
    return client
  }

  stop({ transferLeadership = true }: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#stop(transferLeadership)
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(handOver: boolean): Promise<void> {
    this.#unlisten()
    await Promise.all([...this.#clients].map((client) => client.close()))
    try {
      await this.#member.stop({ handOver })
    } finally {
      await this.#removeData()
    }
  }
}

/** A level that is changed over HTTP changes for this member, not for the program's logger. */
function childLog({ logger, name = 'default' }: ServerOptions): Logger {
  return logger === undefined ? pino({ level: 'silent' }) : logger.child({ member: name })
}

async function choosePorts(options: ServerOptions): Promise<Ports> {
  const given = { client: options.port ?? 0, peer: peerPortOf(options) }
  const missing = [given.client, given.peer].filter((port) => port === 0).length
  const free = await freePorts(missing, options.host ?? '127.0.0.1')
  return { client: given.client || (free.pop() as number), peer: given.peer || (free.pop() as number) }
}

/** Different ports at which nobody listens now. */
async function freePorts(count: number, host: string): Promise<number[]> {
  const servers: Server[] = []
  try {
    for (let left = count; left > 0; left -= 1) {
      const server = createServer()
      servers.push(server)
      await new Promise<void>((done, failed) => {
        server.once('error', failed)
        server.listen(0, host, done)
      })
    }
    return servers.map((server) => (server.address() as AddressInfo).port)
  } finally {
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
