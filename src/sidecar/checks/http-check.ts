/**
 * A look over HTTP: does the service answer, and with what status.
 *
 * Owns: one request. Each goes over a connection of its own, as a new client's would.
 */
import { Agent, request } from 'undici'
import type { CheckResult } from './check.ts'

/** Bytes of the body that are read, so that the service can finish its answer; the rest is cut off. */
const BODY_BYTES_MAX = 64 * 1024

/** Asks once. Never rejects. Redirects are not followed: whoever sends one is alive. */
export async function checkHttp(url: string, signal: AbortSignal): Promise<CheckResult> {
  const agent = new Agent({ pipelining: 0, connections: 1 })
  try {
    const { statusCode, body } = await request(url, {
      dispatcher: agent,
      signal,
      headers: { 'user-agent': 'muster-check', connection: 'close' },
    })
    await body.dump({ limit: BODY_BYTES_MAX, signal })
    const status = statusCode < 400 ? 'passing' : statusCode === 429 ? 'warning' : 'critical'
    return { status, output: `status ${statusCode}` }
  } catch (error) {
    return { status: 'critical', output: signal.aborted ? 'no answer in time' : reasonOf(error) }
  } finally {
    await agent.destroy()
  }
}

/** The reason for an error of several addresses stands in its parts. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
