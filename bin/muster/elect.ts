/**
 * `muster elect NAME ID`: stands for election, and runs a command while it leads or says when it does.
 *
 * Owns: its words and its lines. Leaves to others: the election (`src/client/coordination/`), the command's life (held-command).
 */
import process from 'node:process'
import type { Command } from 'commander'
import { MusterClient } from '../../src/client/client.ts'
import { Election } from '../../src/client/coordination/election.ts'
import type { ClientHooks } from '../../src/client/options.ts'
import { type ConnectionWords, connectionOf, wholeNumber } from './connection.ts'
import { failureText } from './exit.ts'
import { failed, HELD_EXIT, HELD_HELP, pathOf, say, Waiting } from './held-command.ts'

interface ElectWords extends ConnectionWords {
  /** Seconds. */
  readonly ttl: number
  readonly listen?: boolean
}

const HELP = `
With a command: it runs while this candidate leads, on one machine of many at a time. When the leadership is lost the
command gets TERM, and KILL after a tenth of the TTL, and the candidate stands again. When it ends by itself the candidate
resigns. MUSTER_ELECT_NAME, MUSTER_ELECT_ID and MUSTER_ELECT_FENCE, which grows from leader to leader, are set.

Without one: a line whenever the standing changes, "follower" or "leader FENCE", until it is told to end.
--listen: a line whenever the leader changes, "ID FENCE", or "-" while nobody leads. It is no candidate.
${HELD_HELP}

Examples:
  muster elect scheduler $(hostname) -- ./scheduler
  muster elect scheduler $(hostname)
  muster elect --listen scheduler`

/** Adds the command. */
export function addElect(program: Command): void {
  program
    .command('elect')
    .description('stand for election, and run a command while leading')
    .argument('<NAME>', 'of the election, a path; it is no key')
    .argument('[ID]', 'tells others who leads')
    .argument('[COMMAND...]', 'what to run while leading; after --')
    .option('--ttl <SECONDS>', 'so long after this process died another leads', wholeNumber(1, 86_400), 10)
    .option('-l, --listen', 'only say who leads')
    .addHelpText('after', HELP)
    .action(async (name: string, id: string | undefined, command: readonly string[], _words: object, self: Command) => {
      const words: ElectWords = self.optsWithGlobals()
      if ((id === undefined) === (words.listen !== true)) self.error('error: give an ID, or --listen')
      process.exitCode = await run(pathOf(name), id, command, words)
    })
}

async function run(
  path: string,
  id: string | undefined,
  command: readonly string[],
  words: ElectWords,
): Promise<number> {
  const waiting = new Waiting()
  try {
    await using client = new MusterClient({ ...(await connectionOf(words)), hooks: outageHooks() })
    const election = new Election(client, path)
    const { signal } = waiting
    if (id === undefined) return await listen(election, signal)
    if (command.length === 0) return await follow(election, id, words.ttl, signal)
    return await lead(election, id, command, words.ttl, waiting)
  } catch (error) {
    return failed(error, 'election', path)
  } finally {
    waiting.end()
  }
}

/** Says once that nobody answers, and once that somebody does again: an election waits for that as long as it takes. */
function outageHooks(): ClientHooks {
  let isOut = false
  return {
    retry: ({ error }) => {
      if (!isOut) say(`${failureText(error)}; trying again`)
      isOut = true
    },
    request: ({ status }) => {
      if (!isOut || status === 0 || status >= 500) return
      isOut = false
      say('a server answers again')
    },
  }
}

async function listen(election: Election, signal: AbortSignal): Promise<number> {
  for await (const leader of election.observe({ signal })) {
    process.stdout.write(leader === undefined ? '-\n' : `${leader.value} ${leader.fence}\n`)
  }
  return 0
}

async function follow(election: Election, id: string, ttl: number, signal: AbortSignal): Promise<number> {
  for await (const standing of election.campaign(id, { ttl, signal })) {
    process.stdout.write(standing.state === 'leader' ? `leader ${standing.fence}\n` : 'follower\n')
  }
  return 0
}

function lead(
  election: Election,
  id: string,
  command: readonly string[],
  ttl: number,
  waiting: Waiting,
): Promise<number> {
  const work = async ({ signal, fence }: { readonly signal: AbortSignal; readonly fence: number }): Promise<number> => {
    const env = { MUSTER_ELECT_NAME: election.path, MUSTER_ELECT_ID: id, MUSTER_ELECT_FENCE: `${fence}` }
    const status = await waiting.run({ signal, ttl, command, env })
    if (status === HELD_EXIT.lost && signal.aborted) {
      say(`no longer the leader of "${election.path}", the command was ended: ${failureText(signal.reason)}`)
    }
    return status
  }
  return election.lead(id, work, { ttl, signal: waiting.signal })
}
