/**
 * The HTTP server on a fake member, on a free port of loopback.
 */
import { HttpServer, type HttpServerOptions } from '../../src/http/server.ts'
import { FakeMember } from './fake-member.ts'
import { exchange, parseAnswer, RawConnection as Raw, type RawConnection } from './raw-http.ts'

export interface HttpMember {
  readonly member: FakeMember
  readonly server: HttpServer
  readonly port: number
  /** Opens a connection; it is closed with the server. */
  connect(): Promise<RawConnection>
  /** One request with a form body, if any, on a connection of its own. */
  ask(method: string, target: string, form?: string): Promise<ReturnType<typeof parseAnswer>>
  close(): Promise<void>
}

/** The bytes of a request; a body goes as a form unless `headers` say otherwise. */
export function requestText(method: string, target: string, body?: string, headers: readonly string[] = []): string {
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: a', ...headers]
  if (body !== undefined) {
    if (!headers.some((line) => line.toLowerCase().startsWith('content-type:'))) {
      lines.push('Content-Type: application/x-www-form-urlencoded')
    }
    lines.push(`Content-Length: ${body.length}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`
}

export async function startHttp(
  options: Partial<HttpServerOptions> = {},
  member: FakeMember = new FakeMember(),
): Promise<HttpMember> {
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const server = new HttpServer({ member, log, ...options })
  await server.listen([new URL('http://127.0.0.1:0')])
  const port = Number(server.addresses()[0]?.port)
  const connections: RawConnection[] = []
  return {
    member,
    server,
    port,
    connect: async () => {
      const connection = await Raw.open(port)
      connections.push(connection)
      return connection
    },
    ask: async (method, target, form) => parseAnswer(await exchange(port, requestText(method, target, form))),
    close: async () => {
      for (const connection of connections) connection.close()
      await server.close(0)
    },
  }
}
