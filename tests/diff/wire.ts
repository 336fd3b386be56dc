/**
 * One connection to one server, and what comes back on it as a value: an answer, a close, or silence.
 *
 * Owns: telling where an answer ends, for whatever HTTP version, method and framing. Text is Latin-1, a character per byte.
 * Leaves to others: what is sent, what answers mean.
 */
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'

/** An answer taken apart, nothing decoded but the framing of its body. */
export interface Answer {
  readonly kind: 'answer'
  /** Such as `HTTP/1.1 200 OK`. */
  readonly statusLine: string
  readonly status: number
  /** Names and values as they came, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Without the framing. */
  readonly body: string
  /** Sizes of its chunks; undefined when it is not chunked. */
  readonly chunks: readonly number[] | undefined
  /** False: the head and what is there of the body came, its end did not. */
  readonly whole: boolean
}

/** The connection was closed before an answer was whole. */
export interface Closed {
  readonly kind: 'closed'
  readonly received: string
}

/** Nothing, or no more, came in the time there was. */
export interface Silence {
  readonly kind: 'silence'
  readonly received: string
}

export type Received = Answer | Closed | Silence

export class Wire {
  readonly #socket: Socket
  #text = ''
  #ended = false
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      this.#wake?.()
    })
    socket.on('error', () => {})
    const end = (): void => {
      this.#ended = true
      this.#wake?.()
    }
    socket.on('end', end)
    socket.on('close', end)
  }

  static async open(port: number): Promise<Wire> {
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true })
    const wire = new Wire(socket)
    await once(socket, 'connect')
    return wire
  }

  /** The other end has closed. */
  get ended(): boolean {
    return this.#ended
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1')
  }

  /** Takes the next answer. @param bodiless it answers a HEAD. */
  async answer(bodiless: boolean, msMax: number): Promise<Received> {
    let taken: Taken | undefined
    const came = await this.#until(() => {
      do taken = takeAnswer(this.#text, bodiless, this.#ended)
      while (taken?.answer.status === 100 && this.#drop(taken.length))
      return taken?.answer.whole === true
    }, msMax)
    if (came && taken !== undefined) {
      this.#drop(taken.length)
      return taken.answer
    }
    return { kind: this.#ended ? 'closed' : 'silence', received: this.#text }
  }

  /** What has come of the next answer, once its head is there; it is not taken. */
  async head(msMax: number): Promise<Received> {
    await this.#until(() => takeAnswer(this.#text, false, this.#ended) !== undefined, msMax)
    return this.present()
  }

  /** What has come of the next answer until now. */
  present(): Received {
    const taken = takeAnswer(this.#text, false, this.#ended)
    return taken?.answer ?? { kind: this.#ended ? 'closed' : 'silence', received: this.#text }
  }

  /** Waits until `enough` of the next answer has come, or time runs out; returns what has. */
  async presentWhen(enough: (received: Received) => boolean, msMax: number): Promise<Received> {
    await this.#until(() => enough(this.present()), msMax)
    return this.present()
  }

  /** Whether the other end closes within that time. */
  async closes(msMax: number): Promise<boolean> {
    await this.#until(() => false, msMax)
    return this.#ended
  }

  close(): void {
    this.#socket.destroy()
  }

  #drop(length: number): true {
    this.#text = this.#text.slice(length)
    return true
  }

  /** True when `enough` held; false when the connection ended, or time ran out, before it did. */
  async #until(enough: () => boolean, msMax: number): Promise<boolean> {
    if (enough()) return true
    if (this.#ended) return false
    return new Promise((resolve) => {
      const settle = (came: boolean): void => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve(came)
      }
      const timer = setTimeout(() => settle(false), msMax)
      this.#wake = () => {
        if (enough()) settle(true)
        else if (this.#ended) settle(false)
      }
    })
  }
}

interface Taken {
  readonly answer: Answer
  /** Characters that it took, as far as it has come. */
  readonly length: number
}

/** Takes the answer at the start of `text` apart; undefined while its head is not there. */
function takeAnswer(text: string, bodiless: boolean, ended: boolean): Taken | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')] as const
  })
  const status = Number(statusLine.split(' ')[1])
  const head = { kind: 'answer', statusLine, status, headers } as const
  const start = end + 4
  if (bodiless || status < 200 || status === 204 || status === 304) {
    return { answer: { ...head, body: '', chunks: undefined, whole: true }, length: start }
  }
  if (headerOf(head, 'transfer-encoding') === 'chunked') {
    const { body, chunks, length } = unchunk(text.slice(start))
    return { answer: { ...head, body, chunks, whole: length > 0 }, length: start + length }
  }
  const announced = headerOf(head, 'content-length')
  const length = announced === undefined ? text.length - start : Number(announced)
  const whole = announced === undefined ? ended : text.length >= start + length
  return {
    answer: { ...head, body: text.slice(start, start + length), chunks: undefined, whole },
    length: start + length,
  }
}

/** The first value of a header; its name in lower case. */
export function headerOf(answer: Pick<Answer, 'headers'>, name: string): string | undefined {
  return answer.headers.find(([known]) => known.toLowerCase() === name)?.[1]
}

/** Takes a chunked body apart. `length` is that of the framing, 0 when its end has not come. */
function unchunk(text: string): { readonly body: string; readonly chunks: number[]; readonly length: number } {
  let body = ''
  const chunks: number[] = []
  for (let at = 0; ; ) {
    const line = text.indexOf('\r\n', at)
    const size = line < 0 ? 0 : Number.parseInt(text.slice(at, line), 16)
    if (line >= 0 && size === 0) return { body, chunks, length: text.length >= line + 4 ? line + 4 : 0 }
    if (line < 0 || text.length < line + 4 + size) return { body, chunks, length: 0 }
    chunks.push(size)
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}
