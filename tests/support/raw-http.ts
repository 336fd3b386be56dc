/**
 * HTTP as bytes: what is sent is written down by the test, what comes back is kept as it came.
 *
 * Text is Latin-1 throughout: one character per byte. A wait that lasts too long fails with what was received.
 */
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'

const WAIT_MS_MAX = 10_000

export class RawConnection {
  readonly socket: Socket
  /** Received and not yet taken by `answer`. */
  text = ''
  closed = false
  #wake: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1')
      this.#look()
    })
    socket.on('error', () => {})
    socket.on('end', () => this.#look())
    socket.on('close', () => {
      this.closed = true
      this.#look()
    })
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true })
    const connection = new RawConnection(socket)
    await once(socket, 'connect')
    return connection
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** Waits until what was received satisfies `enough`, and returns it without taking it. */
  async until(what: string, enough: (text: string) => boolean): Promise<string> {
    const deadline = setTimeout(() => this.socket.destroy(), WAIT_MS_MAX)
    try {
      while (!enough(this.text)) {
        if (this.closed) throw new Error(`closed before ${what}; received ${JSON.stringify(this.text.slice(0, 2000))}`)
        await new Promise<void>((resolve) => this.#wake.push(resolve))
      }
      return this.text
    } finally {
      clearTimeout(deadline)
    }
  }

  /** Waits for the other end to close, and returns what was received. */
  async untilClosed(): Promise<string> {
    const deadline = setTimeout(() => this.socket.destroy(new Error('not closed')), WAIT_MS_MAX)
    while (!this.closed) await new Promise<void>((resolve) => this.#wake.push(resolve))
    clearTimeout(deadline)
    return this.text
  }

  /** Takes the next whole answer. @param bodiless it answers a HEAD request. */
  async answer(bodiless = false): Promise<string> {
    const length = (text: string) => answerLength(text, bodiless, this.closed || this.socket.readableEnded)
    const text = await this.until('an answer', (received) => length(received) > 0)
    const end = length(text)
    this.text = text.slice(end)
    return text.slice(0, end)
  }

  close(): void {
    this.socket.destroy()
  }

  #look(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** Sends bytes on a connection of their own and returns the first answer. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const connection = await RawConnection.open(port)
  try {
    return await connection.send(bytes).answer(String(bytes).startsWith('HEAD '))
  } finally {
    connection.close()
  }
}

/** Status, headers as a record with lower-case names, and decoded body of a raw answer. */
export function parseAnswer(raw: string): {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
} {
  const end = raw.indexOf('\r\n\r\n')
  const [first = '', ...lines] = raw.slice(0, end).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const rest = raw.slice(end + 4)
  const bytes = headers['transfer-encoding'] === 'chunked' ? unchunk(rest).body : rest
  return { status: Number(first.split(' ')[1]), headers, body: Buffer.from(bytes, 'latin1').toString() }
}

/** Length of the first answer in `text`, or 0 when it is not whole yet. */
function answerLength(text: string, bodiless: boolean, ended: boolean): number {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return 0
  const head = text.slice(0, end).toLowerCase()
  const start = end + 4
  if (/^http\/1\.1 (1\d\d|204|304) /.test(head) || bodiless) return start
  if (head.includes('\r\ntransfer-encoding: chunked')) {
    const { length } = unchunk(text.slice(start))
    return length === 0 ? 0 : start + length
  }
  const announced = /\r\ncontent-length: (\d+)/.exec(head)?.[1]
  if (announced === undefined) return ended ? text.length : 0
  return text.length >= start + Number(announced) ? start + Number(announced) : 0
}

/** Takes a chunked body apart. `length` is that of the framing, 0 when its end has not come. */
function unchunk(text: string): { readonly body: string; readonly length: number } {
  let body = ''
  for (let at = 0; ; ) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return { body, length: 0 }
    const size = Number.parseInt(text.slice(at, line), 16)
    if (size === 0) return { body, length: text.length >= line + 4 ? line + 4 : 0 }
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}
