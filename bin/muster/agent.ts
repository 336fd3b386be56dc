/**
 * `muster agent`: tells the agents of this machine to drain, to compare, and asks what they know.
 *
 * Owns: its words and output. Leaves to others: finding the agents (`src/sidecar/control-client.ts`).
 */
import process from 'node:process'
import type { Command } from 'commander'
import { drainAt, reportsOf, resyncAll } from '../../src/sidecar/control-client.ts'
import { RegisterError } from '../../src/sidecar/register-error.ts'
import { runtimeFolder } from './agent-words.ts'

const HELP = `
Agents are the processes of muster register and muster registrator that run as this user, and listen in
MUSTER_RUNTIME_DIR, else in the session's runtime folder, else below /tmp.

Examples:
  muster agent status
  muster agent drain web
  muster agent drain web host1:web:8080
  muster agent undrain web`

/** Adds the commands. */
export function addAgent(program: Command): void {
  const agent = program
    .command('agent')
    .description("drain this machine's services, compare them with the store, ask what is known")
    .addHelpText('after', HELP)
  for (const verb of ['drain', 'undrain'] as const) {
    agent
      .command(verb)
      .description(verb === 'drain' ? 'no new connections for an instance' : 'take a drain back')
      .argument('<NAME>', 'of the service')
      .argument('[ID]', 'or HOST:PORT, where several of that name are announced here')
      .action((name: string, id: string | undefined) => ending(() => drain(name, id, verb === 'drain')))
  }
  agent
    .command('resync')
    .description('compare everything with the store now')
    .action(() =>
      ending(async () => {
        process.stdout.write(`${await resyncAll(runtimeFolder())} agents were told\n`)
        return 0
      }),
    )
  agent
    .command('status')
    .description('what the agents know, as JSON, whether or not the store can be asked')
    .action(() =>
      ending(async () => {
        const agents = (await reportsOf(runtimeFolder())).map(({ report }) => report)
        process.stdout.write(`${JSON.stringify({ agents }, undefined, 2)}\n`)
        return agents.length === 0 ? 1 : 0
      }),
    )
}

async function drain(name: string, id: string | undefined, drained: boolean): Promise<number> {
  const { status, body } = await drainAt(runtimeFolder(), name, id, drained)
  if (status === 200) {
    process.stdout.write(`${body['id']}: ${body['status']}\n`)
    return 0
  }
  process.stderr.write(`muster: ${body.message ?? `status ${status}`}\n`)
  return 1
}

async function ending(work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work()
  } catch (error) {
    if (!(error instanceof RegisterError)) throw error
    process.stderr.write(`muster: ${error.message} (${error.code})\n`)
    process.exitCode = 1
  }
}
