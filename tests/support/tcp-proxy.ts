/** A wire between two members that a test can cut, stall or take away. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class TcpProxy {
  /** Connections taken since it began to listen. */
  accepted = 0
  readonly #target: () => number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isStalled = false
  #pauseMs = 0

  /** Forwards to 127.0.0.1 at the port that `target` names when a connection comes; 0 reads and answers nothing, ever. */
  constructor(target: () => number) {
    this.#target = target
    this.#server = createServer({ pauseOnConnect: true }, (near) => this.#onConnection(near))
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Sockets open now, both sides counted. */
  get open(): number {
    return this.#sockets.size
  }

  /** Breaks every connection; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Reads no more, on either side; nothing is closed. */
  stall(): void {
    this.#isStalled = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** Reads on. */
  resume(): void {
    this.#isStalled = false
    for (const socket of this.#sockets) socket.resume()
  }

  /** From now on rests for so long after each chunk (64 KiB at most). */
  slowDown(pauseMs: number): void {
    this.#pauseMs = pauseMs
  }

  /** Stops listening and breaks every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.cut()
    await closed
  }

  #onConnection(near: Socket): void {
    this.accepted++
    this.#track(near)
    const port = this.#target()
    if (port === 0) {
      near.resume()
      return
    }
    const far = connect({ port, host: '127.0.0.1' })
    this.#track(far)
    near.on('data', (chunk: Buffer) => this.#forward(near, far, chunk))
    far.on('data', (chunk: Buffer) => this.#forward(far, near, chunk))
    if (this.#isStalled) far.pause()
    else near.resume()
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
    near.on('end', () => far.end())
    far.on('end', () => near.end())
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #forward(from: Socket, to: Socket, chunk: Buffer): void {
    const hasRoom = to.write(chunk)
    if (hasRoom && this.#pauseMs === 0) return
    from.pause()
    const goOn = (): void => {
      if (!this.#isStalled) from.resume()
    }
    // Who is resumed while the other side is full pauses again, and the one listener that is there wakes it.
    if (!hasRoom) {
      if (to.listenerCount('drain') === 0) to.once('drain', goOn)
    } else setTimeout(goOn, this.#pauseMs).unref()
  }
}

/** A port at which nobody listens. */
export async function deadPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
