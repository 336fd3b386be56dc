/**
 * `muster ambassador`: fixed addresses in front of services whose instances come and go.
 *
 * Owns: its words, signals, exit status. Leaves to others: serving (`src/ambassador/`).
 */
import process from 'node:process'
import { type Command, Option } from 'commander'
import { Ambassador } from '../../src/ambassador/ambassador.ts'
import { Report } from '../../src/ambassador/report.ts'
import { type Balance, parseDoors, parseListen, settleServing } from '../../src/ambassador/settings.ts'
import { MusterClient } from '../../src/client/client.ts'
import { createLog } from '../../src/log.ts'
import { formatAddress } from '../../src/sidecar/names.ts'
import type { RegisterLog } from '../../src/sidecar/ports.ts'
import { type ConnectionWords, connectionOf, wholeNumber } from './connection.ts'
import { failureText } from './exit.ts'
import { spanMs } from './go-values.ts'
import { addLookOptions, type LookWords, lookOf } from './look-words.ts'

interface AmbassadorWords extends ConnectionWords, LookWords {
  readonly listen?: string
  readonly balance?: Balance
  /** Milliseconds, and so the other times. */
  readonly connectTimeout?: number
  readonly wait?: number
  readonly drainTimeout?: number
  readonly shutdownTimeout: number
  readonly maxConnections?: number
  readonly statusAddr?: string
  readonly logFormat?: string
}

const SHUTDOWN_MS_DEFAULT = 10_000
const CONNECTIONS_MAX = 1_000_000

const HELP = `
ADDRESS is HOST:PORT; :PORT is this machine only, 0.0.0.0:PORT everybody. A connection that an instance does not take goes to
another, and waits when there is none; what has begun stays where it is. An instance that leaves the list keeps its
connections for --drain-timeout. When the store is away, the instances that are known stand.

TERM and INT: no new connections, and the end when all are over or after --shutdown-timeout; a second one: at once.

Examples:
  muster ambassador db --listen :5432
  muster ambassador web=127.0.0.1:8080 db=:5432 --status-addr :9130
  muster ambassador web --listen 0.0.0.0:80 --balance least --drain-timeout 5m`

/** Adds the command. */
export function addAmbassador(program: Command): void {
  const command = program
    .command('ambassador')
    .description('a fixed address in front of whichever instances of a service are passing (TCP)')
    .argument('<NAME...>', 'a service, with --listen; or NAME=ADDRESS, several')
    .option('--listen <ADDRESS>', 'where consumers connect')
    .addOption(
      new Option('--balance <HOW>', 'round-robin or least, by connections (default: round-robin)').choices([
        'round-robin',
        'least',
      ] satisfies Balance[]),
    )
    .option('--connect-timeout <DURATION>', 'how long one instance may take to accept (default: 2s)', spanMs)
    .option('--wait <DURATION>', 'how long a connection waits when nobody takes it (default: 3s)', spanMs)
    .option('--drain-timeout <DURATION>', 'how long connections to a removed instance go on (default: 1m)', spanMs)
    .option(
      '--shutdown-timeout <DURATION>',
      'how long connections go on when this is told to end',
      spanMs,
      SHUTDOWN_MS_DEFAULT,
    )
    .option(
      '--max-connections <N>',
      'to each service; more are closed at once (default: 4096)',
      wholeNumber(1, CONNECTIONS_MAX),
    )
    .option('--status-addr <ADDRESS>', 'serve /status, /metrics and /health here')
    .option('--log-format <FORMAT>', 'pretty or json')
  addLookOptions(command)
    .addHelpText('after', HELP)
    .action(async (names: readonly string[], _options: object, self: Command) => {
      process.exitCode = await run(names, self.optsWithGlobals())
    })
}

async function run(names: readonly string[], words: AmbassadorWords): Promise<number> {
  const { log, flush } = createLog({
    level: words.debug === true ? 'debug' : 'info',
    format: words.logFormat === 'json' ? 'json' : 'pretty',
    descriptor: 2,
    colours: process.stderr.isTTY === true && !process.env['NO_COLOR'],
  })
  try {
    await serve(names, words, log)
    return 0
  } catch (error) {
    if (!(error instanceof Error)) throw error
    process.stderr.write(`muster: ${failureText(error)}\n`)
    return 1
  } finally {
    await flush()
  }
}

async function serve(names: readonly string[], words: AmbassadorWords, log: RegisterLog): Promise<void> {
  const look = lookOf(words)
  const { listen, statusAddr } = words
  // A name alone is one door, at --listen; more of them would need more addresses.
  const [only = ''] = names
  const doors = parseDoors(listen === undefined ? names : names.length === 1 ? [`${only}=${listen}`] : [], look)
  const serving = settleServing({
    balance: words.balance,
    connectMs: words.connectTimeout,
    waitMs: words.wait,
    drainMs: words.drainTimeout,
    connectionsMax: words.maxConnections,
  })
  const statusAt = statusAddr === undefined ? undefined : parseListen(statusAddr)
  await using client = new MusterClient(await connectionOf(words))
  const ambassador = new Ambassador(doors, { client, look, serving, log })
  const told = Promise.withResolvers<void>()
  let isTold = false
  const stop = (): void => {
    if (isTold) ambassador.reset()
    isTold = true
    told.resolve()
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  let report: Report | undefined
  try {
    await ambassador.open()
    report = statusAt === undefined ? undefined : await Report.open(statusAt, ambassador)
    for (const { settings, address } of ambassador.doors) {
      const at = formatAddress({ host: address.address, port: address.port })
      log.info({ service: settings.service, address: at }, 'listening')
    }
    if (report !== undefined) log.info({ port: report.address.port }, 'serving the status')
    await told.promise
    log.info({}, 'told to end: no new connections')
  } finally {
    await ambassador.close(isTold ? words.shutdownTimeout : 0)
    await report?.close()
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}
