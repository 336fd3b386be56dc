/**
 * `muster env`: runs a command with keys as its environment, and tells it of changes.
 *
 * Owns: its words, help, signals, exit status. Leaves to others: the work (`src/render/`).
 */
import process from 'node:process'
import { type Command, Option } from 'commander'
import { MusterClient } from '../../src/client/client.ts'
import { createLog } from '../../src/log.ts'
import type { Wait } from '../../src/render/duration.ts'
import { EnvRunner } from '../../src/render/env-runner.ts'
import { reasonOf } from '../../src/render/errors.ts'
import { readOnce } from '../../src/render/feed.ts'
import { Follower } from '../../src/render/follower.ts'
import { StoreHealth } from '../../src/render/store-health.ts'
import { Supervised } from '../../src/render/supervised.ts'
import type { RenderLog } from '../../src/render/work.ts'
import { type ConnectionWords, connectionOf, keyPath } from './connection.ts'
import { failureText } from './exit.ts'
import { killOptions, signalOf, waitOf } from './render-words.ts'
import { withManners } from './words.ts'

interface EnvWords extends ConnectionWords {
  readonly onetime?: boolean
  readonly signal?: NodeJS.Signals
  readonly restart?: boolean
  readonly pristine?: boolean
  readonly upcase: boolean
  readonly wait: Wait
  readonly killSignal: NodeJS.Signals
  readonly killTimeout: number
}

const WAIT_DEFAULT: Wait = { minMs: 1_000, maxMs: 10_000 }
/** Signals that the command gets when we get them. */
const FORWARDED: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT', 'SIGWINCH']

const HELP = `
/app/db/url below /app becomes DB_URL: what follows PREFIX, in capitals, with _ for all that is neither letter nor digit, and
in front of a digit at the beginning. Of two keys with one name the later in order counts. At a change COMMAND is
restarted, or signalled with --signal: it then asks for itself. Without the store it keeps what it has.

Signals: TERM and INT end COMMAND, then this; HUP, QUIT, USR1, USR2 and WINCH go to COMMAND.
Exit status: that of COMMAND, 128 and the signal's number when one ended it; 127 and 126 when it cannot be run;
1 when the keys cannot be had (--onetime).

Examples:
  muster env /app -- node server.js
  muster env --signal HUP /config/web -- ./web
  muster env --onetime --pristine /app -- env`

/** Adds the command. */
export function addEnv(program: Command): void {
  const command = program
    .command('env')
    .description('run a command with keys as its environment; restart or signal it when they change')
    .argument('<PREFIX>', 'the directory or key')
    .argument('<COMMAND...>', 'behind --')
  const options = [
    new Option('--onetime', 'take the keys as they are now, and do not follow them'),
    new Option('--signal <SIGNAL>', 'send COMMAND this signal at a change').argParser(signalOf),
    new Option('--restart', 'restart COMMAND at a change; so it is unless --signal is given'),
    new Option('--pristine', 'no other variables than the keys'),
    new Option('--no-upcase', 'leave the names as they are'),
    new Option('--wait <MIN[:MAX]>', 'how long to wait for quiet after a change')
      .argParser(waitOf)
      .default(WAIT_DEFAULT, '1s:10s'),
    ...killOptions(),
  ]
  for (const option of options) command.addOption(option)
  withManners(command, { takesDashes: true })
    .addHelpText('after', HELP)
    .action(async (prefix: string, argv: readonly string[], _options: object, self: Command) => {
      process.exitCode = await begin(self.optsWithGlobals(), prefix, argv)
    })
}

async function begin(words: EnvWords, prefix: string, argv: readonly string[]): Promise<number> {
  const { log, flush } = createLog({
    level: 'info',
    format: 'pretty',
    descriptor: 2,
    colours: process.stderr.isTTY === true,
  })
  try {
    return await run(words, keyPath(prefix), argv, log)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    process.stderr.write(`muster: ${failureText(error)}\n`)
    return 1
  } finally {
    await flush()
  }
}

async function run(words: EnvWords, prefix: string, argv: readonly string[], log: RenderLog): Promise<number> {
  const [name = '', ...args] = argv
  const command = new Supervised({ command: name, args, killSignal: words.killSignal, killMs: words.killTimeout })
  const runner = new EnvRunner({
    rules: { prefix, upcase: words.upcase },
    wait: words.wait,
    signal: words.restart === true ? undefined : words.signal,
    env: words.pristine === true ? {} : process.env,
    command,
    log,
  })
  const over = new AbortController()
  const pass = (signal: NodeJS.Signals): void => {
    try {
      command.signal(signal)
    } catch (error) {
      log.warn({ signal }, reasonOf(error))
    }
  }
  const end = (): void => {
    // Asked twice, it does not wait for the command.
    if (over.signal.aborted) pass('SIGKILL')
    over.abort()
    void command.end()
  }
  process.on('SIGINT', end).on('SIGTERM', end)
  for (const signal of FORWARDED) process.on(signal, pass)
  const store = new StoreHealth(log)
  await using client = new MusterClient({ ...(await connectionOf(words)), hooks: store.hooks })
  if (words.onetime === true) {
    runner.start(await readOnce(client, prefix, over.signal))
    return command.done
  }
  const follower = new Follower(client, log)
  const status = await runner.follow(follower.feed(prefix))
  await follower.close()
  return status
}
