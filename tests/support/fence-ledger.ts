/**
 * What locks and leaderships protect in tests: resources that take no smaller token than they have seen, and keep an account.
 *
 * Owns: the account, and what in it must not be. Processes speak to it over TCP, a JSON object a line, an answer a line. Asserts
 * nothing.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** What a contender says. */
export interface Entry {
  /** `enter`: I hold it now. `beat`: still. `leave`: I am about to give it back. `late`: I was refused, and have looked again. */
  readonly kind: 'enter' | 'beat' | 'leave' | 'late'
  readonly resource: string
  readonly fence: number
  /** Whether by its own clock it surely holds it. Lost is lost: who still holds it after a refusal held it when another did. */
  readonly isHeld: boolean
}

export interface Verdict {
  /** False: a larger token was seen. */
  readonly ok: boolean
}

interface Resource {
  /** The largest token that entered. */
  fence: number
  /** Who entered and did not leave: token by connection. */
  readonly inside: Map<Socket, number>
}

/** A referee for processes that contend. */
export class FenceLedger {
  /** Times that somebody entered with a new token. */
  rounds = 0
  /** Refusals of somebody who had lost what it held, as it knew itself. */
  refusals = 0
  /** Times that one entered while another was inside. */
  overlaps = 0
  /** What must not be, in words. */
  readonly wrongs: string[] = []
  /** Tokens in the order in which they entered, by resource. */
  readonly fences = new Map<string, number[]>()
  readonly #server: Server
  readonly #resources = new Map<string, Resource>()
  readonly #sockets = new Set<Socket>()

  constructor() {
    this.#server = createServer((socket) => this.#take(socket))
  }

  async listen(): Promise<this> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Who is inside now: their tokens. */
  inside(resource: string): readonly number[] {
    return [...(this.#resources.get(resource)?.inside.values() ?? [])]
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket)
    let text = ''
    socket.setEncoding('utf8').setNoDelay(true)
    socket.on('data', (piece: string) => {
      text += piece
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const verdict = this.#judge(socket, JSON.parse(text.slice(0, end)) as Entry)
        text = text.slice(end + 1)
        socket.write(`${JSON.stringify(verdict)}\n`)
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      for (const resource of this.#resources.values()) resource.inside.delete(socket)
    })
  }

  #judge(socket: Socket, entry: Entry): Verdict {
    const { kind, fence, isHeld } = entry
    const resource = this.#resource(entry.resource)
    const name = `${entry.resource} with token ${fence}`
    if (kind === 'enter') return { ok: this.#enter(socket, resource, entry) }
    if (kind === 'late') {
      this.refusals += 1
      if (isHeld) this.wrongs.push(`${name}: held while another with ${resource.fence} was inside`)
      return { ok: false }
    }
    if (kind === 'leave') resource.inside.delete(socket)
    return { ok: fence >= resource.fence }
  }

  #enter(socket: Socket, resource: Resource, { resource: name, fence }: Entry): boolean {
    if (fence <= resource.fence) return false
    if (resource.inside.size > 0) this.overlaps += 1
    const before = resource.inside.get(socket)
    if (before !== undefined) this.wrongs.push(`${name} with token ${before}: not left by whoever enters again`)
    resource.fence = fence
    resource.inside.set(socket, fence)
    this.rounds += 1
    this.fences.get(name)?.push(fence)
    return true
  }

  #resource(name: string): Resource {
    let resource = this.#resources.get(name)
    if (resource === undefined) {
      resource = { fence: 0, inside: new Map() }
      this.#resources.set(name, resource)
      this.fences.set(name, [])
    }
    return resource
  }
}
