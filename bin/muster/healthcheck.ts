/**
 * `muster healthcheck`: whether the member next to it is well, in one line and by its status: 0 for yes, 1 for no. Or others, where
 * words name them: a line for each, and all have to be well.
 */
import { readFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { type RequestOptions, request as requestHttps } from 'node:https'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { Endpoints, withoutLogin } from '../../src/client/endpoints.ts'
import { TIMER_MS_MAX } from '../../src/client/options.ts'
import { ownClientUrl } from '../../src/config/own-url.ts'
import { type ConnectionWords, tlsFilesOf } from './connection.ts'
import { areServersGiven, areServersInVariables, ourVariable, serversOf, variable } from './endpoints.ts'

/** Longer than the second that a member gives its own check. */
const HEALTH_TIMEOUT_MS = 3_000

interface Words extends ConnectionWords {
  readonly url?: string
}

const HELP = `
It asks --url; else --endpoints, all of which have to be well; else the member that MUSTER_LISTEN_CLIENT_URLS leads to; else
MUSTER_ENDPOINTS; else this machine at port 2379. Without --cert-file and --key-file, and their variables, it shows the
certificate of the member itself (MUSTER_CERT_FILE, MUSTER_KEY_FILE). It needs no user.

Examples:
  muster healthcheck
  muster healthcheck --endpoints https://10.0.0.1:2379 --ca-file ca.pem`

/** Adds the command. */
export function addHealthcheck(program: Command): void {
  program
    .command('healthcheck')
    .description('ask a member whether it is well; ends with status 0 when it is, else 1')
    .option('--url <URL>', 'client URL of the member')
    .addHelpText('after', HELP)
    .action(async (_words: object, command: Command) => {
      const words: Words = command.optsWithGlobals()
      process.exitCode = (await areHealthy(words)) ? 0 : 1
    })
}

/** Whom to ask. */
interface Asked {
  readonly urls: readonly string[]
  /** It is the member of this environment. */
  readonly isOwn: boolean
  /** The name that certificates have to carry where it is not their own. */
  readonly servername?: string | undefined
}

/**
 * Variables that name a cluster stand behind the one that says where the member of this environment listens: a container that has both
 * is asked about its member.
 */
async function askedFor(words: Words): Promise<Asked> {
  if (words.url !== undefined) return { urls: [words.url], isOwn: false }
  const isMember = ourVariable('LISTEN_CLIENT_URLS') ?? variable('ETCD_LISTEN_CLIENT_URLS')
  if (!areServersGiven(words) && (isMember !== undefined || !areServersInVariables())) {
    return { urls: [ownClientUrl(process.env)], isOwn: true }
  }
  const { endpoints, servername } = await serversOf(words)
  return { urls: new Endpoints(endpoints, 'given').urls, isOwn: false, servername }
}

/** Whether all that are asked are well; one that is not does not keep the others from being asked. */
async function areHealthy(words: Words): Promise<boolean> {
  try {
    const asked = await askedFor(words)
    const urls = asked.urls.map((url) => new URL('/health', url))
    const tls = urls.some(({ protocol }) => protocol === 'https:') ? tlsOptions(words, asked) : {}
    const timeoutMs = Math.min(TIMER_MS_MAX, words.timeout || HEALTH_TIMEOUT_MS)
    const answers = urls.map((url) => isHealthy(url, url.protocol === 'https:' ? tls : {}, timeoutMs))
    return (await Promise.all(answers)).every((isWell) => isWell)
  } catch (error) {
    return cannotAsk(error)
  }
}

function cannotAsk(error: unknown): false {
  report(false, `cannot ask: ${reasonOf(error)}`)
  return false
}

/**
 * What to show and whom to trust. The address that the environment leads to is this machine's own, so there is nobody to be
 * taken in by: unless told whom to trust, the certificate there is not checked, which may well be for another name.
 */
function tlsOptions(words: Words, { isOwn, servername }: Asked): RequestOptions {
  const { caFile, certFile, keyFile } = tlsFilesOf(words)
  // The member's own: one certificate commonly serves both ends.
  const cert = certFile ?? ourVariable('CERT_FILE') ?? variable('ETCD_CERT_FILE')
  const key = keyFile ?? ourVariable('KEY_FILE') ?? variable('ETCD_KEY_FILE')
  return {
    ...(servername === undefined ? {} : { servername }),
    ...(caFile === undefined ? { rejectUnauthorized: !isOwn } : { ca: readFileSync(caFile) }),
    ...(cert === undefined || key === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
  }
}

/** Prints one line about the member and says whether it is well. */
async function isHealthy(url: URL, options: RequestOptions, timeoutMs: number): Promise<boolean> {
  try {
    const { status, body } = await get(url, options, timeoutMs)
    const healthy = status === 200 && /"health":\s*"?true"?/.test(body)
    report(healthy, `${withoutLogin(url.href)} says ${status} ${body.slice(0, 200)}`)
    return healthy
  } catch (error) {
    return cannotAsk(error)
  }
}

function get(
  url: URL,
  options: RequestOptions,
  timeoutMs: number,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((done, failed) => {
    const signal = AbortSignal.timeout(Math.ceil(timeoutMs))
    const request = url.protocol === 'https:' ? requestHttps : requestHttp
    const asked = request(url, { ...options, agent: false, signal }, (answer) => {
      text(answer).then((body) => done({ status: answer.statusCode ?? 0, body: body.trim() }), failed)
    })
    asked.on('error', (error) => failed(signal.aborted ? new Error(`no answer in ${timeoutMs} ms`) : error))
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
