/**
 * `muster healthcheck`: whether the member next to it is well, in one line and by its status: 0 for yes, 1 for no.
 */
import { readFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { type RequestOptions, request as requestHttps } from 'node:https'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { withoutLogin } from '../../src/client/endpoints.ts'
import { ownClientUrl } from '../../src/config/own-url.ts'
import { type ConnectionWords, tlsFilesOf } from './connection.ts'
import { ourVariable, variable } from './endpoints.ts'

/** Longer than the second that a member gives its own check. */
const HEALTH_TIMEOUT_MS = 3_000

interface Words extends ConnectionWords {
  readonly url?: string
}

const HELP = `
Of the options for all commands it takes --ca-file, --cert-file and --key-file. Without the latter two it shows the
certificate of the member itself (MUSTER_CERT_FILE, MUSTER_KEY_FILE).

Examples:
  muster healthcheck
  muster healthcheck --url https://10.0.0.1:2379 --ca-file ca.pem`

/** Adds the command. */
export function addHealthcheck(program: Command): void {
  program
    .command('healthcheck')
    .description('ask a member whether it is well; ends with status 0 when it is, else 1')
    .option('--url <URL>', 'client URL of the member; else the one that MUSTER_LISTEN_CLIENT_URLS leads to')
    .addHelpText('after', HELP)
    .action(async (_words: object, command: Command) => {
      const words: Words = command.optsWithGlobals()
      try {
        const url = new URL('/health', words.url ?? ownClientUrl(process.env))
        process.exitCode = (await isHealthy(url, url.protocol === 'https:' ? tlsOptions(words) : {})) ? 0 : 1
      } catch (error) {
        report(false, `cannot ask: ${reasonOf(error)}`)
        process.exitCode = 1
      }
    })
}

/**
 * What to show and whom to trust. The address that the environment leads to is this machine's own, so there is nobody to be
 * taken in by: unless told whom to trust, the certificate there is not checked, which may well be for another name.
 */
function tlsOptions(words: Words): RequestOptions {
  const { caFile, certFile, keyFile } = tlsFilesOf(words)
  // The member's own: one certificate commonly serves both ends.
  const cert = certFile ?? ourVariable('CERT_FILE') ?? variable('ETCD_CERT_FILE')
  const key = keyFile ?? ourVariable('KEY_FILE') ?? variable('ETCD_KEY_FILE')
  return {
    ...(caFile === undefined ? { rejectUnauthorized: words.url !== undefined } : { ca: readFileSync(caFile) }),
    ...(cert === undefined || key === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
  }
}

/** Prints one line about the member and says whether it is well. */
async function isHealthy(url: URL, options: RequestOptions): Promise<boolean> {
  const { status, body } = await get(url, options)
  const healthy = status === 200 && /"health":\s*"?true"?/.test(body)
  report(healthy, `${withoutLogin(url.href)} says ${status} ${body.slice(0, 200)}`)
  return healthy
}

function get(url: URL, options: RequestOptions): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((done, failed) => {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS)
    const request = url.protocol === 'https:' ? requestHttps : requestHttp
    const asked = request(url, { ...options, agent: false, signal }, (answer) => {
      text(answer).then((body) => done({ status: answer.statusCode ?? 0, body: body.trim() }), failed)
    })
    asked.on('error', (error) => failed(signal.aborted ? new Error(`no answer in ${HEALTH_TIMEOUT_MS} ms`) : error))
    asked.end()
  })
}

function report(healthy: boolean, text: string): void {
  const stream = healthy ? process.stdout : process.stderr
  stream.write(`${healthy ? 'healthy' : 'unhealthy'}: ${text}\n`)
}

/** The reason for an error of several addresses stands in its parts. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
