/**
 * `muster healthcheck`: whether the member next to it is well, in one line and by its status: 0 for yes, 1 for no.
 */
import { readFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { type RequestOptions, request as requestHttps } from 'node:https'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { ownClientUrl } from '../../src/config/own-url.ts'

/** Longer than the second that a member gives its own check. */
const HEALTH_TIMEOUT_MS = 3_000

interface Words {
  readonly url?: string
  readonly cacert?: string
  readonly cert?: string
  readonly key?: string
}

/** Adds the command. */
export function addHealthcheck(program: Command): void {
  program
    .command('healthcheck')
    .description('ask a member whether it is well; ends with status 0 when it is, else 1')
    .option('--url <URL>', 'client URL of the member; else the one that MUSTER_LISTEN_CLIENT_URLS leads to')
    .option('--cacert <FILE>', 'who vouches for the member, in PEM (ETCDCTL_CA_FILE)')
    .option('--cert <FILE>', 'the certificate to show, in PEM (ETCDCTL_CERT_FILE, MUSTER_CERT_FILE)')
    .option('--key <FILE>', 'its key (ETCDCTL_KEY_FILE, MUSTER_KEY_FILE)')
    .action(async (words: Words) => {
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
  const { env } = process
  const ca = words.cacert ?? env['ETCDCTL_CA_FILE'] ?? env['ETCDCTL_CACERT'] ?? ''
  const cert = words.cert ?? env['ETCDCTL_CERT_FILE'] ?? env['ETCDCTL_CERT'] ?? own('CERT_FILE')
  const key = words.key ?? env['ETCDCTL_KEY_FILE'] ?? env['ETCDCTL_KEY'] ?? own('KEY_FILE')
  return {
    ...(ca === '' ? { rejectUnauthorized: words.url !== undefined } : { ca: readFileSync(ca) }),
    ...(cert === '' || key === '' ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
  }
}

/** The member's own: one certificate commonly serves both ends. */
function own(name: string): string {
  return process.env[`MUSTER_${name}`] ?? process.env[`ETCD_${name}`] ?? ''
}

/** Prints one line about the member and says whether it is well. */
async function isHealthy(url: URL, options: RequestOptions): Promise<boolean> {
  const { status, body } = await get(url, options)
  const healthy = status === 200 && /"health":\s*"?true"?/.test(body)
  report(healthy, `${url.href} says ${status} ${body.slice(0, 200)}`)
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
