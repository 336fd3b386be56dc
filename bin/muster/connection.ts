/**
 * The options by which commands are told which cluster to talk to, and how.
 *
 * Owns: their names, variables and defaults, reading the files they name. The names are etcdctl's, with those of its later
 * versions beside them, so that scripts and environments carry over. Leaves to others: which servers (endpoints), the prompt
 * (password), how words become options (words).
 *
 * `MUSTER_CA_FILE`, `MUSTER_CERT_FILE` and `MUSTER_KEY_FILE` are the server's and mean something else: they are not read here.
 */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createSecureContext } from 'node:tls'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type ClientOptions, TIMER_MS_MAX } from '../../src/client/options.ts'
import { type EndpointWords, ourVariable, serversOf, variable } from './endpoints.ts'
import { durationMs } from './go-values.ts'
import { askPassword } from './password.ts'

/** What commander makes of the options that stand before any command: `command.optsWithGlobals()`. */
export interface ConnectionWords extends EndpointWords {
  /** `USER[:PASSWORD]`. */
  readonly username?: string
  readonly user?: string
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  /** Milliseconds that one request may take; 0: any. */
  readonly timeout?: number
  /** Milliseconds that a command of etcdctl's may take. */
  readonly totalTimeout?: number
  /** False with `--no-sync`. */
  readonly sync?: boolean
  readonly debug?: boolean
  /** How to print: `simple`, `extended` or `json`. */
  readonly output?: string
}

/** PEM files. */
interface TlsFiles {
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
}

/** PEM texts. */
interface TlsTexts {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** Adds the options that all commands share. They are taken before the command's name and after it. */
export function addGlobalOptions(program: Command): Command {
  const options = [
    new Option('--debug', 'print the requests as curl commands'),
    new Option('--no-sync', 'ask the endpoints given, not those that the members publish'),
    new Option('-o, --output <FORMAT>', 'simple, extended or json (default: simple)'),
    new Option('-D, --discovery-srv <DOMAIN>', 'find the endpoints by the SRV records of a domain'),
    new Option('--insecure-discovery', 'take endpoints without TLS from there too'),
    new Option('-C, --peers <URLS>', 'the same as --endpoints').hideHelp(),
    new Option('--endpoint <URLS>', 'the same as --endpoints').hideHelp(),
    new Option('--endpoints <URLS>', 'client URLs, with commas (default: this machine, ports 2379 and 4001)'),
    new Option('--cert, --cert-file <FILE>', 'PEM file of the client certificate'),
    new Option('--key, --key-file <FILE>', 'PEM file of its key'),
    new Option('--cacert, --ca-file <FILE>', "PEM file of those who sign the servers' certificates"),
    new Option('-u, --username <USER[:PASSWORD]>', 'whom to log in as; asks for a password that is missing'),
    new Option('--user <USER[:PASSWORD]>', 'the same as --username').hideHelp(),
    new Option('--timeout <DURATION>', 'for one request, e.g. 500ms, 2s (default: 2s)').argParser(durationMs),
    new Option('--total-timeout <DURATION>', 'for a whole command, but watches (default: 5s)').argParser(durationMs),
  ]
  for (const option of options) program.addOption(option)
  return program
}

/**
 * Options for a client of the cluster that the words name; variables stand in for what is not given. May ask for a password.
 * @param prompted where that question is shown.
 * @throws RangeError when a file cannot be read or DNS knows no server.
 */
export async function connectionOf(
  words: ConnectionWords,
  prompted: NodeJS.WriteStream = process.stderr,
): Promise<ClientOptions> {
  const { endpoints, servername } = await serversOf(words)
  const auth = await loginOf(words, prompted)
  const tls = {
    ...readTls(tlsFilesOf(words)),
    ...(servername === undefined ? {} : { servername }),
  }
  return {
    endpoints,
    tls,
    ...(auth === undefined ? {} : { auth }),
    ...(words.timeout === undefined || words.timeout === 0 ? {} : { timeoutMs: timerMs(words.timeout) }),
  }
}

/** A duration as a timer takes it: nobody waits for longer than the longest. */
function timerMs(ms: number): number {
  return Math.min(TIMER_MS_MAX, Math.ceil(ms))
}

/** The files that words or variables name. */
export function tlsFilesOf(words: ConnectionWords): TlsFiles {
  return {
    caFile: words.caFile || (ourVariable('CACERT') ?? variable('ETCDCTL_CA_FILE', 'ETCDCTL_CACERT')),
    certFile: words.certFile || (ourVariable('CERT') ?? variable('ETCDCTL_CERT_FILE', 'ETCDCTL_CERT')),
    keyFile: words.keyFile || (ourVariable('KEY') ?? variable('ETCDCTL_KEY_FILE', 'ETCDCTL_KEY')),
  }
}

/** The same for a second cluster, of which variables say nothing. @throws RangeError when a file cannot be read. */
export async function otherConnectionOf(words: OtherWords, endpoints: string): Promise<ClientOptions> {
  const auth = words.fromUsername === undefined ? undefined : await withPassword(words.fromUsername, process.stderr)
  const tls = readTls({ caFile: words.fromCaFile, certFile: words.fromCertFile, keyFile: words.fromKeyFile })
  return { endpoints: endpoints.split(','), tls, ...(auth === undefined ? {} : { auth }) }
}

/** The words for a second cluster. */
export interface OtherWords {
  readonly fromUsername?: string
  readonly fromCaFile?: string
  readonly fromCertFile?: string
  readonly fromKeyFile?: string
}

/** Adds the options for users and TLS of a second cluster. */
export function addOtherOptions(command: Command): Command {
  return command
    .option('--from-username <USER[:PASSWORD]>', 'whom to log in as at the source; else nobody')
    .option('--from-ca-file <FILE>', "PEM file of those who sign the source's certificates")
    .option('--from-cert-file <FILE>', 'PEM file of the client certificate for the source')
    .option('--from-key-file <FILE>', 'PEM file of its key')
}

/** A value of an option that is a whole number of at least `min`. For commander. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
  }
}

/** A key's path that is clean. For commander. */
export function keyPath(text: string): string {
  const path = text === '/' ? text : text.replace(/\/+$/, '')
  if (path.startsWith('/') && !/\/\/|\/\.\.?(\/|$)/.test(path)) return path
  throw new InvalidArgumentError('Expected a path that begins with "/" and has no empty, "." or ".." names.')
}

/** `USER:PASSWORD`; undefined: nobody logs in. */
async function loginOf(words: ConnectionWords, prompted: NodeJS.WriteStream): Promise<string | undefined> {
  const given = words.username || words.user || (ourVariable('USERNAME') ?? variable('ETCDCTL_USERNAME'))
  if (given !== undefined) return withPassword(given, prompted)
  // The later etcdctl has the password in a variable of its own.
  const user = variable('ETCDCTL_USER')
  const password = variable('ETCDCTL_PASSWORD')
  if (user === undefined) return undefined
  return password === undefined || user.includes(':') ? withPassword(user, prompted) : `${user}:${password}`
}

async function withPassword(user: string, prompted: NodeJS.WriteStream): Promise<string> {
  return user.includes(':') ? user : `${user}:${await askPassword('Password: ', prompted)}`
}

function readTls({ caFile, certFile, keyFile }: TlsFiles): TlsTexts {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new RangeError(`a certificate and its key belong together [key: ${keyFile ?? ''}, cert: ${certFile ?? ''}]`)
  }
  const texts = { ...readPem('ca', caFile), ...readPem('cert', certFile), ...readPem('key', keyFile) }
  checkPair(texts)
  return texts
}

/** Whatever else is wrong with them is told when a connection is made. @throws RangeError, in etcdctl's words. */
function checkPair({ cert, key }: TlsTexts): void {
  if (cert === undefined || key === undefined) return
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') {
      throw new RangeError('tls: private key does not match public key')
    }
  }
}

function readPem(name: 'ca' | 'cert' | 'key', file: string | undefined): TlsTexts {
  if (file === undefined) return {}
  try {
    return { [name]: readFileSync(file, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const known: Readonly<Record<string, string>> = { ENOENT: 'no such file or directory', EACCES: 'permission denied' }
    throw new RangeError(`open ${file}: ${known[String(code)] ?? code}`)
  }
}
