/**
 * A container engine on a socket of its own: containers that a test starts and ends, and the events of that.
 *
 * Owns: the HTTP of Docker's API as far as the registrator asks. Asserts nothing.
 */
import { createServer, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Container } from '../../src/sidecar/engine/container.ts'
import { scratchDir } from './scratch.ts'

/** What a test says of a container. */
export interface FakeContainer {
  readonly name: string
  readonly image?: string
  readonly env?: readonly string[]
  /** `80/tcp` → the port of the host; 0: not published. */
  readonly ports?: Readonly<Record<string, number>>
  readonly health?: string
  /** Seconds; the later one was started last. */
  readonly startedAt?: number
}

export class FakeEngine {
  readonly path: string
  /** Requests in order, without their queries. */
  readonly asked: string[] = []
  readonly #containers = new Map<string, Container>()
  readonly #listeners = new Set<ServerResponse>()
  readonly #server: Server
  /** Lists are answered as by a proxy that does not let them through. */
  refusesLists = false
  /** Containers about which it tells nothing. */
  readonly silences = new Map<string, 'hangs' | 'fails'>()
  /** Texts that are answered to a path, whatever is so. */
  readonly texts = new Map<string, string>()
  /** Called before an inspection is answered. */
  beforeInspect: () => void = () => {}

  private constructor(path: string) {
    this.path = path
    this.#server = createServer((request, response) => this.#answer(request.url ?? '', response))
  }

  static async start(): Promise<FakeEngine> {
    const engine = new FakeEngine(join(await scratchDir(), 'docker.sock'))
    await engine.listen()
    onTestFinished(() => engine.stop())
    return engine
  }

  listen(): Promise<void> {
    return new Promise((done) => this.#server.listen(this.path, done))
  }

  /** Breaks all connections and answers no more, as an engine that is restarted. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#listeners.clear()
    await new Promise<void>((done) => this.#server.close(() => done()))
  }

  /** Who listens to events now. */
  get listeners(): number {
    return this.#listeners.size
  }

  /** A container runs from now on; its id. @param tells whether there is an event. */
  run(container: FakeContainer, tells = true): string {
    const id = container.name.padEnd(64, '0')
    this.#containers.set(id, inspection(id, container))
    if (tells) this.tell('start', id)
    return id
  }

  /** It ended. */
  die(id: string, exitCode: number, tells = true): void {
    const container = this.#containers.get(id)
    if (container !== undefined)
      this.#containers.set(id, { ...container, State: { Running: false, ExitCode: exitCode } })
    if (tells) this.tell('die', id)
  }

  /** It ended, and waits to be started anew, as with `--restart always`. */
  crash(id: string, exitCode: number): void {
    const container = this.#containers.get(id)
    if (container !== undefined)
      this.#containers.set(id, { ...container, State: { Running: true, Restarting: true, ExitCode: exitCode } })
    this.tell('die', id)
  }

  /** It is removed. */
  destroy(id: string, tells = true): void {
    this.#containers.delete(id)
    if (tells) this.tell('destroy', id)
  }

  /** Its HEALTHCHECK says something else. */
  become(id: string, health: string): void {
    const container = this.#containers.get(id)
    if (container !== undefined) {
      this.#containers.set(id, { ...container, State: { ...container.State, Health: { Status: health } } })
    }
    this.tell(`health_status: ${health}`, id)
  }

  tell(action: string, id: string): void {
    this.tellText(JSON.stringify({ Type: 'container', Action: action, Actor: { ID: id } }))
  }

  /** A line among the events, whatever it says. */
  tellText(line: string): void {
    const event = `${line}\n`
    for (const listener of this.#listeners) {
      // In two pieces, as a socket may deliver it.
      listener.write(event.slice(0, 10))
      listener.write(event.slice(10))
    }
  }

  #answer(url: string, response: ServerResponse): void {
    const path = url.split('?')[0] ?? ''
    this.asked.push(path)
    const text = this.texts.get(path)
    if (text !== undefined) response.end(text)
    else if (path === '/events') {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
      this.#listeners.add(response)
      response.on('close', () => this.#listeners.delete(response))
    } else if (path === '/containers/json' && this.refusesLists) {
      response.writeHead(404).end('no')
    } else if (path === '/containers/json') {
      const listed = [...this.#containers].map(([Id, { State }]) => ({
        Id,
        State: State?.Restarting ? 'restarting' : State?.Running ? 'running' : 'exited',
      }))
      response.end(JSON.stringify(listed))
    } else {
      this.beforeInspect()
      const id = /^\/containers\/([^/]+)\/json$/.exec(path)?.[1] ?? ''
      const container = this.#containers.get(id)
      const silence = this.silences.get(id)
      if (silence === 'hangs') return
      if (silence === 'fails') response.writeHead(500).end('{"message":"it is broken"}')
      else if (container === undefined) response.writeHead(404).end('{"message":"none"}')
      else response.end(JSON.stringify(container))
    }
  }
}

function inspection(
  id: string,
  { name, image = name, env = [], ports = {}, health, startedAt = 0 }: FakeContainer,
): Container {
  const published = Object.entries(ports).map(([port, host]) => {
    return [port, host === 0 ? null : [{ HostIp: '0.0.0.0', HostPort: String(host) }]] as const
  })
  return {
    Id: id,
    Name: `/${name}`,
    Config: {
      Image: image,
      Env: env,
      Labels: {},
      ExposedPorts: Object.fromEntries(published.map(([port]) => [port, {}])),
    },
    HostConfig: { NetworkMode: 'bridge' },
    NetworkSettings: { IPAddress: '172.17.0.2', Ports: Object.fromEntries(published), Networks: {} },
    State: {
      Running: true,
      ExitCode: 0,
      StartedAt: new Date(startedAt * 1000).toISOString(),
      ...(health === undefined ? {} : { Health: { Status: health } }),
    },
  }
}
