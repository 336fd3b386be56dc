/**
 * A look over TCP: does anybody accept.
 *
 * Owns: one connection, which is closed at once.
 */
import { connect } from 'node:net'
import type { CheckResult } from './check.ts'

/** Connects once. Never rejects. */
export function checkTcp(host: string, port: number, signal: AbortSignal): Promise<CheckResult> {
  return new Promise((done) => {
    const socket = connect({ host, port })
    const finish = (status: CheckResult['status'], output: string): void => {
      signal.removeEventListener('abort', late)
      socket.destroy()
      done({ status, output })
    }
    const late = (): void => finish('critical', 'no connection in time')
    signal.addEventListener('abort', late, { once: true })
    socket.once('connect', () => finish('passing', 'connected'))
    // Stays after the end: a socket that is destroyed may still have something to say.
    socket.on('error', (error) => finish('critical', 'code' in error ? String(error.code) : error.message))
    if (signal.aborted) late()
  })
}
