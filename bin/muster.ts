#!/usr/bin/env node
/**
 * The tool's command. For now it knows one thing: whether the member next to it is well.
 *
 * Owns: its words, output and exit status: 0 for yes, 1 for no, 2 for words it does not know.
 */
import process from 'node:process'

/** Longer than the second that a member gives its own check. */
const HEALTH_TIMEOUT_MS = 3_000

const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(`muster: needs Node.js 24 or newer, this is ${process.versions.node}\n`)
  process.exit(1)
}

const { Command } = await import('commander')
const { ownClientUrl } = await import('../src/config/own-url.ts')
const { packageVersion } = await import('../src/config/version.ts')

const program = new Command('muster')
  .description('The tool beside musterd.')
  .version(`muster ${packageVersion()}`, '--version', 'print the version')
  .exitOverride((reason) => process.exit(reason.exitCode === 0 ? 0 : 2))

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

await program.parseAsync()

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
