/**
 * `muster cluster-health`: asks every member whether it is well, as etcdctl does. `muster status` says more.
 *
 * Owns: its words and sentences, what counts as healthy.
 */
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ConnectionWords } from '../connection.ts'
import { Cluster, type Member } from './cluster.ts'
import { acting, command, examples } from './command.ts'
import { reported, STATUS } from './failures.ts'
import { print } from './print.ts'

const PAUSE_MS = 10_000

interface HealthWords extends ConnectionWords {
  readonly forever?: boolean
}

/** Adds the command. */
export function addClusterHealth(program: Command): void {
  command(program, 'cluster-health', 'ask every member whether it is well')
    .option('-f, --forever', 'again every 10 seconds, until Ctrl-C')
    .addHelpText('after', examples('cluster-health'))
    .action(acting(run))
}

async function run(made: Command): Promise<void> {
  const words: HealthWords = made.optsWithGlobals()
  if (words.forever === true) process.once('SIGINT', () => process.exit(0))
  await using cluster = await Cluster.open(words, false)
  const members = await membersOf(cluster)
  for (;;) {
    const healthy = await countHealthy(cluster, members)
    print(`cluster is ${healthy === members.length ? 'healthy' : healthy === 0 ? 'unavailable' : 'degraded'}`)
    if (words.forever !== true) {
      if (healthy < members.length) process.exitCode = STATUS.unhealthy
      return
    }
    print('\nnext check after 10 second...\n')
    await wait(PAUSE_MS)
  }
}

async function membersOf(cluster: Cluster): Promise<readonly Member[]> {
  try {
    return await cluster.members()
  } catch (error) {
    print('cluster may be unhealthy: failed to list members')
    throw reported(STATUS.refused, error)
  }
}

async function countHealthy(cluster: Cluster, members: readonly Member[]): Promise<number> {
  let healthy = 0
  for (const { id, clientURLs } of members) {
    if (clientURLs.length === 0) {
      print(`member ${id} is unreachable: no available published client urls`)
      continue
    }
    const found = await firstAnswer(cluster, id, clientURLs)
    if (found === undefined) print(`member ${id} is unreachable: [${clientURLs.join(' ')}] are all unreachable`)
    else if (found.isHealthy) print(`member ${id} is healthy: got healthy result from ${found.url}`)
    else print(`member ${id} is unhealthy: got unhealthy result from ${found.url}`)
    if (found?.isHealthy === true) healthy += 1
  }
  return healthy
}

async function firstAnswer(
  cluster: Cluster,
  id: string,
  urls: readonly string[],
): Promise<{ readonly url: string; readonly isHealthy: boolean } | undefined> {
  for (const url of urls) {
    if (!cluster.mayAsk(url)) continue
    const answer = await cluster.health(url)
    if (answer.failure === undefined) return { url, isHealthy: answer.isHealthy }
    print(`failed to check the health of member ${id} on ${url}: ${answer.failure}`)
  }
  return undefined
}
