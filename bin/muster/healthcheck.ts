/**
 * `muster healthcheck`: whether the member next to it is well, in one line and by its status: 0 for yes, 1 for no.
 */
import process from 'node:process'
import type { Command } from 'commander'
import { ownClientUrl } from '../../src/config/own-url.ts'

/** Longer than the second that a member gives its own check. */
const HEALTH_TIMEOUT_MS = 3_000

/** Adds the command. */
export function addHealthcheck(program: Command): void {
  program
    .command('healthcheck')
    .description('ask a member whether it is well; ends with status 0 when it is, else 1')
    .option('--url <URL>', 'client URL of the member; else the one that MUSTER_LISTEN_CLIENT_URLS leads to')
    .action(async (options: { readonly url?: string }) => {
      try {
        const url = new URL('/health', options.url ?? ownClientUrl(process.env)).href
        process.exitCode = (await isHealthy(url)) ? 0 : 1
      } catch (error) {
        report(false, `cannot ask: ${reasonOf(error)}`)
        process.exitCode = 1
      }
    })
}

/** Prints one line about the member and says whether it is well. */
async function isHealthy(url: string): Promise<boolean> {
  const reply = await fetch(url, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) })
  const body = (await reply.text()).trim()
  const healthy = reply.status === 200 && /"health":\s*"?true"?/.test(body)
  report(healthy, `${url} says ${reply.status} ${body.slice(0, 200)}`)
  return healthy
}

function report(healthy: boolean, text: string): void {
  const stream = healthy ? process.stdout : process.stderr
  stream.write(`${healthy ? 'healthy' : 'unhealthy'}: ${text}\n`)
}

/** `fetch` hides the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error
    ? `${error.message}: ${error.cause.message || reasonOf(error.cause)}`
    : error.message
}
