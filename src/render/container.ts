/**
 * Signals to containers, by Docker or Podman.
 *
 * Owns: one request, and where it goes. Nothing else is asked of the engine, which can do anything on the machine.
 */
import { request } from 'node:http'

const TIMEOUT_MS = 10_000
const SOCKET_DEFAULT = '/var/run/docker.sock'
/** Characters of an answer that are read. */
const ANSWER_CHARS_MAX = 1_000

/** Where an engine listens. */
export type EngineAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number }

/** @param target `DOCKER_HOST`; empty or undefined: Docker's usual socket. @throws Error on what is neither a socket nor plain TCP. */
export function engineAddress(target: string | undefined): EngineAddress {
  if (!target) return { socketPath: SOCKET_DEFAULT }
  const socketPath = /^(?:unix:\/\/)?(\/.+)$/.exec(target)?.[1]
  if (socketPath !== undefined) return { socketPath }
  const [, v6, name, port] = /^(?:tcp|http):\/\/(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})\/?$/.exec(target) ?? []
  const host = v6 ?? name
  if (host !== undefined) return { host, port: Number(port) }
  throw new Error(`DOCKER_HOST "${target}" is no engine that can be asked: expected unix:///PATH or tcp://HOST:PORT`)
}

/** Sends a signal to a container by name or id. @throws Error when the engine does not, in a sentence. */
export function signalContainer(engine: EngineAddress, container: string, signal: NodeJS.Signals): Promise<void> {
  const path = `/containers/${encodeURIComponent(container)}/kill?signal=${signal}`
  return new Promise((done, failed) => {
    const asked = request({ ...engine, path, method: 'POST', timeout: TIMEOUT_MS }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (piece: string) => {
        if (text.length < ANSWER_CHARS_MAX) text += piece
      })
      answer.once('error', failed)
      answer.once('end', () => {
        const status = answer.statusCode ?? 0
        if (status >= 200 && status < 300) done()
        else failed(new Error(`the container engine answered ${status}: ${text.trim()}`))
      })
    })
    asked.once('timeout', () => asked.destroy(new Error(`the container engine did not answer in ${TIMEOUT_MS} ms`)))
    asked.once('error', failed)
    asked.end()
  })
}
