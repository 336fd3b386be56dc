/**
 * The client listeners and their life.
 *
 * Owns: listening, the set of open connections, shutting down. Leaves requests to `wire/` and what they mean to `keys/` and `app.ts`.
 */
import type { HttpLimits } from './limits.ts'
import type { MemberPort } from './ports.ts'

/** A log of structured lines; pino fits. */
export interface HttpLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface HttpServerOptions {
  readonly member: MemberPort
  readonly log: HttpLog
  /** Those not given are `HTTP_LIMITS`. */
  readonly limits?: Partial<HttpLimits>
  /** Origins that browsers may come from: `'*'`, or a list compared as it stands. Undefined: no CORS headers (as etcd 2.3). */
  readonly cors?: '*' | readonly string[]
}

/** Serves the v2 API of one member. One object, any number of listeners. */
export class HttpServer {
  constructor(_options: HttpServerOptions) {
    throw new Error('not built yet')
  }

  /**
   * Listens at every URL, or at none: when one fails the others are closed again and its error is thrown.
   * @param urls `http:` only; port 0 takes any free port.
   */
  async listen(_urls: readonly URL[]): Promise<void> {}

  /** Where this server listens, with true ports, in the order given. */
  addresses(): readonly URL[] {
    return []
  }

  /**
   * Stops accepting, closes idle connections and watches, answers what is in flight, and closes the rest after `graceMs`.
   */
  async close(_graceMs: number): Promise<void> {}
}
