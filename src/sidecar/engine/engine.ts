/**
 * Docker or Podman over its socket.
 *
 * Owns: the three requests, cutting events apart, bounds of answers. Leaves to others: what may be in them (`shapes.ts`), what
 * containers mean (`metadata.ts`), when to ask (`follower.ts`).
 */
import { Client, type Dispatcher } from 'undici'
import { RegisterError } from '../register-error.ts'
import type { Container, EngineEvent } from './container.ts'
import { containerOf, eventOf, type Listing, listingOf, Nonsense } from './shapes.ts'

/** How long an answer may take: an engine under load needs seconds to list. Milliseconds. */
const ANSWER_MS_MAX = 30_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
/** Characters of one event. */
const EVENT_CHARS_MAX = 1024 * 1024
const EVENT_FILTERS = {
  type: ['container', 'network'],
  event: ['start', 'die', 'destroy', 'rename', 'health_status', 'connect', 'disconnect'],
}

export class Engine {
  readonly #target: string
  readonly #origin: string
  readonly #options: Client.Options

  /** @param target `unix:///path`, a path, or `tcp://host:port`, as `DOCKER_HOST` has them. @throws RegisterError `MUSTER_REGISTER_BAD_SETTINGS` */
  constructor(target: string) {
    this.#target = target
    const path = target.startsWith('/') ? target : /^unix:\/\/(\/.+)$/.exec(target)?.[1]
    const tcp = /^(?:tcp|http):\/\/([^/]+)\/?$/.exec(target)?.[1]
    if (path === undefined && tcp === undefined) {
      throw new RegisterError(
        'MUSTER_REGISTER_BAD_SETTINGS',
        `"${target}" is no container engine: expected unix:///PATH or tcp://HOST:PORT`,
      )
    }
    this.#origin = tcp === undefined ? 'http://engine' : `http://${tcp}`
    this.#options = {
      headersTimeout: ANSWER_MS_MAX,
      bodyTimeout: ANSWER_MS_MAX,
      ...(path === undefined ? {} : { socketPath: path }),
    }
  }

  /** All containers. @throws RegisterError `MUSTER_REGISTER_ENGINE`; the signal's reason. */
  list(signal: AbortSignal): Promise<Listing> {
    return this.#ask('/containers/json?all=true', listingOf, signal)
  }

  /**
   * One container; undefined when there is none.
   *
   * @throws RegisterError `MUSTER_REGISTER_ENGINE`, because of `Nonsense` where it says that; the signal's reason.
   */
  inspect(id: string, signal: AbortSignal): Promise<Container | undefined> {
    const take = (said: unknown): Container | undefined => (said === undefined ? undefined : containerOf(said))
    return this.#ask(`/containers/${encodeURIComponent(id)}/json`, take, signal)
  }

  /**
   * Begins to listen. Resolves when the engine has begun to tell: what happens from then on is among the events. They end when the
   * engine ends them, with an error when it breaks off, and with the signal. A line that is none is told as `Nonsense`.
   *
   * @throws RegisterError `MUSTER_REGISTER_ENGINE`; the signal's reason.
   */
  async events(signal: AbortSignal): Promise<AsyncGenerator<EngineEvent | Nonsense, void, void>> {
    const filters = encodeURIComponent(JSON.stringify(EVENT_FILTERS))
    const client = new Client(this.#origin, { ...this.#options, bodyTimeout: 0 })
    try {
      const answer = await client.request({ method: 'GET', path: `/events?filters=${filters}`, signal })
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`)
      return this.#lines(answer.body, client, signal)
    } catch (error) {
      await client.destroy()
      throw this.#failed('listen to', error, signal)
    }
  }

  async *#lines(
    body: Dispatcher.ResponseData['body'],
    client: Client,
    signal: AbortSignal,
  ): AsyncGenerator<EngineEvent | Nonsense, void, void> {
    try {
      let text = ''
      body.setEncoding('utf8')
      for await (const piece of body) {
        text += String(piece)
        // Podman and Docker both end each event with a line feed.
        const lines = text.split('\n')
        text = lines.pop() ?? ''
        if (text.length > EVENT_CHARS_MAX) throw new Error('an event has no end')
        for (const line of lines) if (line.trim() !== '') yield eventIn(line)
      }
    } catch (error) {
      throw this.#failed('listen to', error, signal)
    } finally {
      await client.destroy()
    }
  }

  /** @param take reads the answer, undefined where there is no such thing; it may throw `Nonsense`. */
  async #ask<T>(path: string, take: (said: unknown) => T, signal: AbortSignal): Promise<T> {
    const client = new Client(this.#origin, this.#options)
    try {
      const { statusCode, body } = await client.request({ method: 'GET', path, signal })
      if (statusCode === 404) return take(undefined)
      let text = ''
      body.setEncoding('utf8')
      for await (const piece of body) {
        text += String(piece)
        if (text.length > ANSWER_BYTES_MAX) throw new Error('the answer is too large')
      }
      if (statusCode !== 200) throw new Error(`status ${statusCode}: ${text.slice(0, 200)}`)
      return take(JSON.parse(text))
    } catch (error) {
      throw this.#failed('ask', error, signal)
    } finally {
      await client.destroy()
    }
  }

  #failed(what: string, error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason
    const why = error instanceof Error ? error.message : String(error)
    return new RegisterError(
      'MUSTER_REGISTER_ENGINE',
      `cannot ${what} the container engine at ${this.#target}: ${why}`,
      error,
    )
  }
}

function eventIn(line: string): EngineEvent | Nonsense {
  try {
    return eventOf(JSON.parse(line))
  } catch (error) {
    if (error instanceof Nonsense) return error
    return new Nonsense('it says nonsense: an event is no JSON', { cause: error })
  }
}
