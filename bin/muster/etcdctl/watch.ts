/**
 * `muster watch` and `muster exec-watch`: changes of a key as they happen.
 *
 * Owns: their words, one change or all of them, what is printed or run for each, the mark where changes were lost. Leaves to
 * others: resuming (the client), running commands (child-commands).
 *
 * One change is waited for as etcdctl waits. With --forever, and in exec-watch, broken connections and failing members are
 * passed over: etcdctl ends there.
 */
import { once } from 'node:events'
import process from 'node:process'
import type { Command } from 'commander'
import { MusterClient } from '../../../src/client/client.ts'
import type { EventJson } from '../../../src/client/node.ts'
import type { ClientHooks } from '../../../src/client/options.ts'
import type { ConnectionWords } from '../connection.ts'
import { integer } from '../go-values.ts'
import { ChildCommands } from './child-commands.ts'
import { Cluster } from './cluster.ts'
import { acting, command, examples } from './command.ts'
import { AskFailed, CommandFailed, reported, STATUS } from './failures.ts'
import { keyUrl } from './go-url.ts'
import { eventOf, refusal } from './keys.ts'
import { print, printEvent } from './print.ts'

interface WatchWords extends ConnectionWords {
  readonly forever?: boolean
  readonly afterIndex?: number
  readonly recursive?: boolean
}

const AFTER_INDEX = ['--after-index <INDEX>', 'changes after this index', integer] as const

const WATCH_HELP = `
With --forever it goes on for ever, also when members fail. Where changes were lost, because the servers' history no longer
reaches back to the last one seen, standard error says so, and with -o json there is a line
{"action":"resync","index":INDEX} among the changes: read the keys again then.`

const EXEC_HELP = `
The command finds the change in ETCD_WATCH_ACTION, ETCD_WATCH_KEY, ETCD_WATCH_VALUE and ETCD_WATCH_MODIFIED_INDEX. It is started
for each change, beside those that still run; at most 64 run at a time.`

/** Adds the commands. */
export function addWatchCommands(program: Command): void {
  command(program, 'watch', 'print the next change of a key, or all that follow', '<key>')
    .option('-f, --forever', 'all that follow, until Ctrl-C')
    .option(...AFTER_INDEX)
    .option('-r, --recursive', 'also what is below')
    .addHelpText('after', WATCH_HELP)
    .addHelpText('after', examples('watch /a', 'watch / -r -f -o json', 'watch /a --after-index 1234'))
    .action(acting(watch))
  command(program, 'exec-watch', 'run a command for each change of a key', '<key> -- <command> [args...]', {
    keepsSeparator: true,
  })
    .option(...AFTER_INDEX)
    .option('-r, --recursive', 'also for what is below')
    .addHelpText('after', EXEC_HELP)
    .addHelpText('after', examples("exec-watch -r /services -- sh -c 'echo $ETCD_WATCH_KEY'"))
    .action(acting(execWatch))
}

async function watch(made: Command): Promise<void> {
  const words: WatchWords = made.optsWithGlobals()
  await using cluster = await Cluster.open(words)
  const [key] = made.args
  if (key === undefined) throw new CommandFailed(STATUS.wrong, 'Error:  key required')
  process.once('SIGINT', () => process.exit(0))
  if (words.forever !== true) {
    await printNext(cluster, key, words)
    return
  }
  await follow(cluster, key, words, {
    event: async (event, index) => {
      if (event.node.dir !== true) printChange(event, index, words)
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
    },
    resync: (index) => {
      if (words.output === 'json') print(JSON.stringify({ action: 'resync', index }))
    },
  })
}

/** Waits for one change of a key; directories do not count. */
async function printNext(cluster: Cluster, key: string, words: WatchWords): Promise<void> {
  const { afterIndex = 0, recursive = false } = words
  let waitIndex = afterIndex > 0 ? afterIndex + 1 : 0
  try {
    for (;;) {
      const target = keyUrl(key, { wait: true, waitIndex, recursive })
      const { status, index, text } = await cluster.ask({ method: 'GET', target, waits: true })
      if (status !== 200) throw new AskFailed(refusal(text))
      if (text.trim() === '') {
        // A member that stops ends the answer without a word. What came since then must not be missed.
        waitIndex = Math.max(waitIndex, index + 1)
        continue
      }
      const event = eventOf(text)
      waitIndex = (event.node.modifiedIndex ?? 0) + 1
      if (event.node.dir === true) continue
      printChange(event, index, words)
      return
    }
  } catch (error) {
    throw reported(STATUS.refused, error)
  }
}

function printChange(event: EventJson, index: number, { recursive, output }: WatchWords): void {
  if (recursive === true) print(`[${event.action}] ${event.node.key ?? ''}`)
  printEvent(event, index, output)
}

async function execWatch(made: Command): Promise<void> {
  const words: WatchWords = made.optsWithGlobals()
  await using cluster = await Cluster.open(words)
  const { key, argv } = keyAndCommand(made.args)
  process.once('SIGINT', () => process.exit(0))
  const children = new ChildCommands(argv)
  await follow(cluster, key, words, {
    event: async (event) => {
      const { node } = event
      if (node.dir === true) process.stderr.write(`Ignored dir ${node.key ?? ''} change\n`)
      else {
        await children.start({
          ETCD_WATCH_ACTION: event.action,
          ETCD_WATCH_MODIFIED_INDEX: `${node.modifiedIndex ?? 0}`,
          ETCD_WATCH_KEY: node.key ?? '',
          ETCD_WATCH_VALUE: node.value ?? '',
        })
      }
    },
    resync: () => {},
  })
}

/** `KEY -- COMMAND…`, or as etcdctl takes it without the dashes: `COMMAND… KEY`. */
function keyAndCommand(args: readonly string[]): { readonly key: string; readonly argv: readonly string[] } {
  const [first, second] = args
  if (first === undefined || second === undefined || (second === '--' && args.length === 2)) {
    throw new CommandFailed(STATUS.wrong, 'Error:  key and command to exec required')
  }
  if (args.indexOf('--') > 0) return { key: first, argv: args.slice(args.indexOf('--') + 1) }
  return { key: args.at(-1) as string, argv: args.slice(0, -1) }
}

interface Follower {
  event(event: EventJson, index: number): Promise<void>
  /** Events up to this index were lost. */
  resync(index: number): void
}

/** All changes, for ever. */
async function follow(cluster: Cluster, key: string, words: WatchWords, follower: Follower): Promise<void> {
  const { afterIndex = 0, recursive = false } = words
  const endpoints = [...new Set([...cluster.endpoints, ...cluster.options.endpoints])]
  await using client = new MusterClient({ ...cluster.options, endpoints, hooks: outageNotes(cluster) })
  try {
    for await (const seen of client.watch(key, { recursive, from: afterIndex > 0 ? afterIndex + 1 : 0 })) {
      if (seen.kind === 'event') await follower.event(seen.event, seen.index)
      else {
        process.stderr.write(`muster: resync: changes up to index ${seen.index} may be lost, read the keys again\n`)
        follower.resync(seen.index)
      }
    }
  } catch (error) {
    throw reported(STATUS.refused, error)
  }
}

/** Says once that nobody answers, and once that somebody does again. */
function outageNotes(cluster: Cluster): ClientHooks {
  let isOut = false
  return {
    request: ({ method, target, endpoint, status }) => {
      cluster.note(`cURL Command: curl -X ${method} ${endpoint}${target}`)
      if (!isOut || status === 0 || status >= 500) return
      isOut = false
      process.stderr.write(`muster: going on with ${endpoint}\n`)
    },
    retry: ({ error }) => {
      if (isOut) return
      isOut = true
      process.stderr.write(`muster: ${error.message}; trying again\n`)
    },
  }
}
