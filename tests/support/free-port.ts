/**
 * Ports of loopback for processes that have to come back on the same port.
 *
 * Owns: finding one that is free now. They lie below the range from which the system takes the ports of outgoing
 * connections: there, while a member is down, somebody's outgoing connection could take its port, or a redial could connect to itself.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const PORT_MIN = 10_000
const PORT_MAX = 32_000
const TRIES_MAX = 100

/** Handed out by this process already, whether or not somebody listens there yet. */
const given = new Set<number>()

/** A port of 127.0.0.1 on which nobody listens. Never the same one twice. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`found no free port in ${TRIES_MAX} tries`)
}

/** Whether one could listen at this port of 127.0.0.1 now. */
export function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((done) => {
    server.once('error', () => done(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => done(true)))
  })
}
