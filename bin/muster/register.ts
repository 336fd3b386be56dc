/**
 * `muster register`: announces a service of this machine, or a file of them, beside a command or alone.
 *
 * Owns: its words and what they describe. Leaves to others: the life of the agent (`agent-run.ts`), the announcing (`src/sidecar/`).
 */
import process from 'node:process'
import { type Command, InvalidArgumentError } from 'commander'
import { type CheckOptions, checkOptionsOf } from '../../src/sidecar/checks/check.ts'
import { keysOf } from '../../src/sidecar/layouts/keys.ts'
import { formatAddress } from '../../src/sidecar/names.ts'
import { RegisterError } from '../../src/sidecar/register-error.ts'
import { type Service, settleService } from '../../src/sidecar/service.ts'
import { readServices } from '../../src/sidecar/services-file.ts'
import type { AnnounceSettings } from '../../src/sidecar/settings.ts'
import { type AgentParts, type Feed, runAgent } from './agent-run.ts'
import { type AgentWords, addAgentOptions, announcingOf } from './agent-words.ts'
import { startBeside } from './beside.ts'
import { connectionOf, wholeNumber } from './connection.ts'
import { failureText } from './exit.ts'
import { FileServices } from './file-services.ts'
import { spanMs } from './go-values.ts'
import { withManners } from './words.ts'

interface RegisterWords extends AgentWords {
  readonly port?: number
  readonly host?: string
  readonly ip?: string
  readonly id?: string
  readonly proto?: string
  readonly tags?: string
  readonly attr?: Readonly<Record<string, string>>
  readonly weight?: number
  readonly priority?: number
  readonly check?: string
  /** Milliseconds, and so the other times of the check. */
  readonly checkInterval?: number
  readonly checkTimeout?: number
  readonly rise?: number
  readonly fall?: number
  readonly initialStatus?: string
  readonly deregisterAfter?: number
  readonly file?: string
  readonly linger: number
}

const HELP = `
Beside a command, it is taken out of the store before the command is told to end, and the exit status is the
command's. All signals but TERM and INT are the command's. Alone: HUP reads the file again, USR1 compares with
the store, USR2 writes what is known to the log. muster agent drain NAME takes new connections away.

Checks: http://…, /path, tcp, tcp://host:port, cmd:COMMAND.

Examples:
  muster register web --port 8080 --check /health -- node server.js
  muster register db --port 5432 --host 10.0.0.7 --tags primary,eu --check tcp
  muster register --file services.yaml
  muster register web --port 8080 --layout registrator,skydns2 --domain cluster.local`

const COUNT_MAX = 1_000
const WEIGHT_MAX = 65_535

/** Adds the command. */
export function addRegister(program: Command): void {
  const command = program
    .command('register')
    .description('announce a service of this machine for as long as it is well')
    .argument('[NAME]', 'of the service')
    .argument('[COMMAND...]', 'runs beside; after --')
    .option('--port <PORT>', 'where the service listens', wholeNumber(1, 65_535))
    .option('--host <ADDRESS>', "where others reach it (default: this machine's first address)")
    .option('--ip <ADDRESS>', 'the same as --host')
    .option('--id <ID>', 'unique within the service (default: HOSTNAME:NAME:PORT)')
    .option('--proto <tcp|udp>', 'of the port')
    .option('--tags <TAGS>', 'separated by commas')
    .option('--attr <KEY=VALUE>', 'metadata; may be repeated', collectPair)
    .option('--weight <N>', 'share of the load', wholeNumber(0, WEIGHT_MAX))
    .option('--priority <N>', 'lower is asked first', wholeNumber(0, WEIGHT_MAX))
    .option('--check <CHECK>', 'how to tell that it is well')
    .option('--check-interval <DURATION>', 'time between checks (default: 10s)', spanMs)
    .option('--check-timeout <DURATION>', 'how long one may take (default: 5s)', spanMs)
    .option('--rise <N>', 'good checks that make it pass (default: 1)', wholeNumber(1, COUNT_MAX))
    .option('--fall <N>', 'bad checks that make it critical (default: 2)', wholeNumber(1, COUNT_MAX))
    .option('--initial-status <STATUS>', 'passing or critical, until the first check (default: critical)')
    .option('--deregister-after <DURATION>', 'take it out whole when it was critical for so long', spanMs)
    .option('--file <FILE>', 'YAML, TOML or JSON with a list of services')
    .option('--linger <DURATION>', 'time between taking it out and telling the command to end', spanMs, 0)
  withManners(addAgentOptions(command), { takesDashes: false })
    .addHelpText('after', HELP)
    .action(async (name: string | undefined, rest: readonly string[], _words: object, self: Command) => {
      const words: RegisterWords = self.optsWithGlobals()
      if (words.file === undefined && (name === undefined || words.port === undefined)) {
        self.error('error: give a NAME and --port, or --file')
      }
      if (words.once === true && (rest.length > 0 || (words.file !== undefined && name !== undefined)))
        self.error('error: --once does not run a COMMAND')
      process.exitCode = await run(name ?? '', rest, words)
    })
}

async function run(name: string, rest: readonly string[], words: RegisterWords): Promise<number> {
  try {
    const settings = announcingOf(words)
    const { file } = words
    const command = file === undefined || name === '' ? rest : [name, ...rest]
    const read = (): Promise<readonly Service[]> =>
      file === undefined
        ? Promise.resolve([settleService(serviceOf(name, words), settings.ttl, words.hostname)])
        : readServices(file, settings.ttl, words.hostname)
    // Mistakes are told before anything is started.
    const services = await read()
    if (words.dryRun === true) {
      printKeys(services, settings)
      return 0
    }
    const [program, ...args] = command
    return await runAgent({
      words,
      settings,
      connection: await connectionOf(words),
      feed: (parts) => fileFeed(parts, services, file === undefined ? undefined : read),
      beside: program === undefined ? undefined : () => startBeside(program, args, besideEnvironment(services)),
      lingerMs: words.linger,
    })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    process.stderr.write(`muster: ${failureText(error)}\n`)
    return 1
  }
}

/** @param read reads the file again; undefined: there is none. */
function fileFeed(
  { agent, log }: AgentParts,
  services: readonly Service[],
  read: (() => Promise<readonly Service[]>) | undefined,
): Feed {
  const listed = new FileServices(agent, log)
  return {
    begin: async () => listed.replace(services),
    reload: read === undefined ? undefined : () => void listed.reload(read),
    resync: () => {},
    end: async () => listed.end(),
    release: async () => {},
  }
}

function serviceOf(name: string, words: RegisterWords): Parameters<typeof settleService>[0] {
  const { port = 0, host = words.ip, id, proto, tags, attr, weight, priority } = words
  if (proto !== undefined && proto !== 'tcp' && proto !== 'udp') {
    throw new RegisterError('MUSTER_REGISTER_BAD_INSTANCE', `--proto is "${proto}": expected tcp or udp`)
  }
  const check = checkOf(words)
  return {
    ...{ name, port },
    ...(host === undefined ? {} : { host }),
    ...(id === undefined ? {} : { id }),
    ...(proto === undefined ? {} : { proto }),
    ...(tags === undefined ? {} : { tags: tags.split(',').filter((tag) => tag !== '') }),
    ...(attr === undefined ? {} : { attrs: attr }),
    ...(weight === undefined ? {} : { weight }),
    ...(priority === undefined ? {} : { priority }),
    ...(check === undefined ? {} : { check }),
  }
}

function checkOf(words: RegisterWords): CheckOptions | undefined {
  const { check, checkInterval, checkTimeout, rise, fall, initialStatus, deregisterAfter } = words
  if (check === undefined) return undefined
  if (initialStatus !== undefined && initialStatus !== 'passing' && initialStatus !== 'critical') {
    throw new RegisterError('MUSTER_REGISTER_BAD_SETTINGS', '--initial-status is neither passing nor critical')
  }
  return {
    ...checkOptionsOf(check),
    ...(checkInterval === undefined ? {} : { interval: checkInterval / 1000 }),
    ...(checkTimeout === undefined ? {} : { timeout: checkTimeout / 1000 }),
    ...(rise === undefined ? {} : { rise }),
    ...(fall === undefined ? {} : { fall }),
    ...(initialStatus === undefined ? {} : { initialStatus }),
    ...(deregisterAfter === undefined ? {} : { deregisterAfter: deregisterAfter / 1000 }),
  }
}

/** Prints path, value and TTL of every key, in the order of writing. */
export function printKeys(services: readonly Service[], settings: AnnounceSettings): void {
  for (const { instance, exposedPort } of services) {
    for (const { path, value, kind } of keysOf(instance, settings.layouts, { ...settings, exposedPort })) {
      const ttl = kind === 'shared' || kind === 'inside' ? '' : ` ttl=${settings.ttl}`
      process.stdout.write(`${path}${ttl}${value === '' ? '' : ` ${value}`}\n`)
    }
  }
}

/** What the command is told of the one service that it is. */
function besideEnvironment(services: readonly Service[]): NodeJS.ProcessEnv {
  const [only] = services
  if (only === undefined || services.length > 1) return {}
  const { name, id, port } = only.instance
  return {
    MUSTER_SERVICE_NAME: name,
    MUSTER_SERVICE_ID: id,
    MUSTER_SERVICE_PORT: String(port),
    MUSTER_SERVICE_ADDRESS: formatAddress(only.instance),
  }
}

function collectPair(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Expected KEY=VALUE.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}
