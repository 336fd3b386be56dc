/**
 * `muster lock NAME -- COMMAND…`: runs a command under a lock, on one machine of many at a time.
 *
 * Owns: its words, waiting. Leaves to others: the lock (`src/client/coordination/`), the command's life (held-command).
 */
import process from 'node:process'
import type { Command } from 'commander'
import { MusterClient } from '../../src/client/client.ts'
import { acquireLock, type Lock } from '../../src/client/coordination/lock.ts'
import { ClientError } from '../../src/client/errors.ts'
import { TIMER_MS_MAX } from '../../src/client/options.ts'
import { type ConnectionWords, connectionOf, wholeNumber } from './connection.ts'
import { failureText } from './exit.ts'
import { durationMs } from './go-values.ts'
import { failed, HELD_EXIT, HELD_HELP, pathOf, say, Waiting } from './held-command.ts'

interface LockWords extends ConnectionWords {
  /** Seconds. */
  readonly ttl: number
  /** Milliseconds. */
  readonly wait?: number
  readonly quiet?: boolean
}

const HELP = `
Whoever asks first has it first. The lock is advisory: a machine that sleeps, or a process that is stopped, may run on
for a moment when it is another's. Send MUSTER_LOCK_FENCE, which grows from holder to holder, along with what the command
does, and refuse smaller ones where it is done. MUSTER_LOCK_NAME and MUSTER_LOCK_KEY are set too.

When the lock is lost the command gets TERM, and KILL after a tenth of the TTL.
${HELD_HELP}

Examples:
  muster lock nightly -- ./backup.sh
  muster lock --wait 0s /jobs/mail -- ./send.sh || echo "somebody else does it"
  muster lock --ttl 60 migrate -- sh -c 'migrate --token $MUSTER_LOCK_FENCE'`

/** Adds the command. */
export function addLock(program: Command): void {
  program
    .command('lock')
    .description('run a command under a lock: on one machine of many at a time')
    .argument('<NAME>', 'of the lock, a path; it is no key')
    .argument('<COMMAND...>', 'what to run; after --')
    .option('--ttl <SECONDS>', 'so long after this process died the lock is free', wholeNumber(1, 86_400), 10)
    .option('--wait <DURATION>', 'give up after so long; 0s: at once (default: never)', durationMs)
    .option('-q, --quiet', 'do not say that it waits')
    .addHelpText('after', HELP)
    .action(async (name: string, command: readonly string[], _words: object, self: Command) => {
      process.exitCode = await run(pathOf(name), command, self.optsWithGlobals())
    })
}

async function run(path: string, command: readonly string[], words: LockWords): Promise<number> {
  const waiting = new Waiting()
  try {
    await using client = new MusterClient(await connectionOf(words))
    const lock = await acquire(client, path, words, waiting.signal)
    if (lock === undefined) {
      say(`the lock "${path}" could not be had in time`)
      return HELD_EXIT.notInTime
    }
    const env = { MUSTER_LOCK_NAME: path, MUSTER_LOCK_FENCE: `${lock.fence}`, MUSTER_LOCK_KEY: lock.key }
    const status = await waiting.run({ signal: lock.signal, ttl: words.ttl, command, env })
    if (status === HELD_EXIT.lost && lock.signal.aborted) {
      say(`the lock "${path}" was lost, the command was ended: ${failureText(lock.signal.reason)}`)
    }
    await lock.unlock()
    return status
  } catch (error) {
    return failed(error, 'lock', path)
  } finally {
    waiting.end()
  }
}

/** Undefined: not in time. @throws ClientError when the cluster cannot be asked at first; the signal's reason. */
async function acquire(
  client: MusterClient,
  path: string,
  { ttl, wait, quiet = false }: LockWords,
  interrupted: AbortSignal,
): Promise<Lock | undefined> {
  const late = new AbortController()
  const timer =
    wait === undefined || wait === 0 ? undefined : setTimeout(() => late.abort(), Math.min(wait, TIMER_MS_MAX))
  const signal = AbortSignal.any([interrupted, late.signal])
  let waits = false
  const onWait = (holder: string): void => {
    if (!waits && !quiet) say(`the lock "${path}" is held by ${holder || 'somebody'}${wait === 0 ? '' : ': waiting'}`)
    waits = true
    if (wait === 0) late.abort()
  }
  try {
    for (;;) {
      try {
        return await acquireLock(client, path, { ttl, signal, onWait })
      } catch (error) {
        if (late.signal.aborted && !interrupted.aborted) return undefined
        // Whoever has waited once waits on: the cluster will come back.
        if (!waits || !(error instanceof ClientError) || !error.retriable) throw error
      }
    }
  } finally {
    clearTimeout(timer)
  }
}
