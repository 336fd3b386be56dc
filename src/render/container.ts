/**
 * Signals to containers, by the socket of Docker or Podman.
 *
 * Owns: one request. Nothing else is asked of the socket, which can do anything on the machine.
 */
import { request } from 'node:http'

const TIMEOUT_MS = 10_000
const SOCKET_DEFAULT = '/var/run/docker.sock'
/** Characters of an answer that are read. */
const ANSWER_CHARS_MAX = 1_000

/** Path of the socket. @param host `DOCKER_HOST`; undefined, or not a socket: Docker's usual one. */
export function engineSocket(host: string | undefined): string {
  return host?.startsWith('unix://') === true ? host.slice('unix://'.length) : SOCKET_DEFAULT
}

/** Sends a signal to a container by name or id. @throws Error when the engine does not, in a sentence. */
export function signalContainer(socketPath: string, container: string, signal: NodeJS.Signals): Promise<void> {
  const path = `/containers/${encodeURIComponent(container)}/kill?signal=${signal}`
  return new Promise((done, failed) => {
    const asked = request({ socketPath, path, method: 'POST', timeout: TIMEOUT_MS }, (answer) => {
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
