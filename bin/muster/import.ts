/**
 * `muster import`: brings keys into a cluster, from a live one or from a file.
 *
 * Owns: its words, signals, exit status and the wording of the outcome. Leaves to others: the work (`src/transfer/`).
 */
import assert from 'node:assert'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { MusterClient } from '../../src/client/client.ts'
import { type ImportResult, LiveImport } from '../../src/transfer/import.ts'
import { importFile } from '../../src/transfer/import-file.ts'
import { listsHidden } from '../../src/transfer/live-tree.ts'
import { type Counts, newCounts } from '../../src/transfer/progress.ts'
import { Steering } from '../../src/transfer/steering.ts'
import { PathMap } from '../../src/transfer/tree.ts'
import {
  addOtherOptions,
  type ConnectionWords,
  connectionOf,
  keyPath,
  type OtherWords,
  otherConnectionOf,
  wholeNumber,
} from './connection.ts'
import { Display, group } from './display.ts'
import { EXIT, EXIT_HELP, fail, interruptible } from './exit.ts'

/** Names shown of what differs or was refused. */
const NAMES_SHOWN = 10
/** Keys may be 4,096 bytes long: longer ones are cut in the middle. `--json` shows all of them. Characters. */
const NAME_CHARS_SHOWN = 160

interface ImportWords extends ConnectionWords, OtherWords {
  readonly from?: string
  readonly to?: string
  readonly prefix?: string
  readonly toPrefix?: string
  readonly hidden?: readonly string[]
  readonly once?: boolean
  readonly cutOver?: boolean
  readonly delete?: boolean
  readonly concurrency: number
  readonly patience: number
  readonly quietFor: number
  readonly json?: boolean
}

const HELP = `
Without --once and --cut-over it follows the source until Ctrl-C or SIGTERM, which make it carry over what
has happened, verify and end. SIGUSR1, or Enter on a terminal, does what --cut-over does. During the first
copy Ctrl-C ends it at once. It may be run again at any time: it writes only what differs.

What only the target has stays, unless this run wrote it and the source removed it. With --delete the target
becomes a mirror: whatever the source does not have is removed from it.

A muster that receives takes its index to that of the source, so that names of POST stay in order, and begins
its history anew: watchers with an old index get error 401. Nothing at --prefix is an error.

Hidden keys (names that begin with "_"): muster lists them. etcd lists them to nobody. From etcd come those
below /_etcd and /_coreos.com, those named with --hidden, and those whose last changes its history still
holds. Others cannot be found.

Examples:
  muster import --from http://old:2379 --once
  muster import --from http://old1:2379,http://old2:2379 --to http://new:2379 --cut-over
  muster import --from http://old:4001 --prefix /services --to-prefix /old/services --once
  muster import --from http://old:2379 --hidden /_secrets --hidden /app/_state --cut-over
  muster import backup.jsonl
  ssh old muster export | muster import -
${EXIT_HELP}`

/** Adds the command. */
export function addImport(program: Command): void {
  const command = program
    .command('import')
    .description('copy the keys of a live etcd or muster, or of an exported file, and verify that they are there')
    .argument('[FILE]', 'what `muster export` wrote; - reads standard input')
    .option('--from <URLS>', 'client URLs of the cluster to copy, separated by commas')
    .option('--to <URLS>', 'client URLs of the cluster that receives, the same as --endpoints')
    .option('--prefix <PATH>', 'copy only this directory or key', keyPath)
    .option('--to-prefix <PATH>', 'where it goes; else the same place', keyPath)
    .option('--hidden <PATH>', 'a hidden place of the source, e.g. /_state; may be repeated', collect)
    .option('--once', 'copy, carry over what happened meanwhile, verify, end')
    .option('--cut-over', 'follow until nothing changes for a while, verify, end')
    .option('--delete', 'remove from the target whatever the source does not have')
    .option('--concurrency <N>', 'writes at a time', wholeNumber(1, 1024), 32)
    .option('--patience <SECONDS>', 'how long a server that does not answer is waited for', wholeNumber(0, 86_400), 30)
    .option('--quiet-for <SECONDS>', 'how long nothing must change before --cut-over ends', wholeNumber(0, 86_400), 2)
    .option('--json', 'progress and outcome as JSON lines on standard output')
  addOtherOptions(command)
    .addHelpText('after', HELP)
    .action(async (file: string | undefined) => {
      const words: ImportWords = command.optsWithGlobals()
      if ((file === undefined) === (words.from === undefined)) {
        command.error('error: give either --from URLS or a FILE')
      }
      if (words.once === true && words.cutOver === true) command.error('error: give either --once or --cut-over')
      process.exitCode = await run(file, words)
    })
}

function collect(path: string, before: readonly string[] = []): readonly string[] {
  return [...before, keyPath(path)]
}

async function run(file: string | undefined, words: ImportWords): Promise<number> {
  const counts = newCounts()
  const display = new Display(counts, words.json === true)
  const steering = new Steering(words.once === true ? 'now' : words.cutOver === true ? 'quiet' : 'follow')
  const { signal, end } = interruptible(display, steering, file === undefined)
  const clients: MusterClient[] = []
  try {
    const { from, to } = words
    const target = new MusterClient(await connectionOf(to === undefined ? words : { ...words, endpoints: to }))
    clients.push(target)
    const targetListsHidden = await listsHidden(target, { signal })
    const common = {
      target,
      targetListsHidden,
      mirror: words.delete === true,
      concurrency: words.concurrency,
      patienceMs: words.patience * 1000,
      report: display,
      counts,
      signal,
    }
    if (file !== undefined) {
      const onChecked = (nodes: number): void => display.expect(nodes)
      const { prefix, toPrefix } = words
      return await withFile(file, async (path) =>
        conclude(display, await importFile({ ...common, file: path, prefix, toPrefix, onChecked })),
      )
    }
    assert(from !== undefined, 'there is a file or a source')
    const source = new MusterClient(await otherConnectionOf(words, from))
    clients.push(source)
    const sourceListsHidden = await listsHidden(source, { signal })
    const prefix = words.prefix ?? '/'
    const live = new LiveImport({
      ...common,
      source,
      paths: new PathMap(prefix, words.toPrefix ?? prefix),
      sourceListsHidden,
      hiddenPaths: words.hidden ?? [],
      quietMs: words.quietFor * 1000,
      steering,
    })
    return conclude(display, await live.run())
  } catch (error) {
    return fail(display, error, signal, leftBehind(counts))
  } finally {
    end()
    display.end()
    await Promise.all(clients.map((client) => client.close()))
  }
}

/** What a run that failed has changed, and what can be done. */
export function leftBehind({ written, removed, events, advanced }: Counts): string {
  const again = 'Run the same command again to go on.'
  if (written + removed + events > 0) return `What was copied stays. ${again}`
  return advanced > 0
    ? `No key was written, but the target's index was taken further. ${again}`
    : 'Nothing was written.'
}

/** Standard input is kept in a file first: nothing is written before its end has been seen. */
async function withFile(file: string, use: (path: string) => Promise<number>): Promise<number> {
  if (file !== '-') return use(file)
  const folder = await mkdtemp(join(tmpdir(), 'muster-import-'))
  try {
    const path = join(folder, 'stdin.jsonl')
    await pipeline(process.stdin, createWriteStream(path, { mode: 0o600 }))
    return await use(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A name or a reason as a line may show it. */
function brief(text: string): string {
  const half = NAME_CHARS_SHOWN / 2
  return text.length <= NAME_CHARS_SHOWN ? text : `${text.slice(0, half)}…${text.slice(-half)}`
}

/** Prints the outcome; the exit status. */
function conclude(display: Display, { verdict, index, refused, refusedCount }: ImportResult): number {
  const { equal, sourceNodes, targetNodes, sourceDigest, targetDigest, differences, differenceCount, extras } = verdict
  const lines: string[] = []
  if (refusedCount > 0) {
    lines.push(`refused by the target: ${group(refusedCount)}`)
    for (const { path, reason } of refused.slice(0, NAMES_SHOWN)) lines.push(`  ${brief(path)}: ${brief(reason)}`)
  }
  if (!equal) {
    lines.push(`the trees differ in ${group(differenceCount)} nodes`)
    for (const { path, kind } of differences.slice(0, NAMES_SHOWN)) lines.push(`  ${kind}: ${brief(path)}`)
    if (differenceCount > NAMES_SHOWN) lines.push(`  and ${group(differenceCount - NAMES_SHOWN)} more`)
  }
  if (verdict.settled > 0)
    lines.push(`${group(verdict.settled)} nodes were changing; compared by themselves they are equal`)
  if (extras > 0) {
    lines.push(`${group(extras)} nodes are only at the target and were left as they are (--delete removes them)`)
    lines.push(`  for example ${verdict.extraPaths.map(brief).join(', ')}`)
  }
  lines.push(`source: ${group(sourceNodes)} nodes, digest ${sourceDigest}`)
  lines.push(`target: ${group(targetNodes)} nodes, digest ${targetDigest}`)
  if (index.target < index.inOrder) {
    lines.push(`keys that POST named go up to ${group(index.inOrder)}; the target is at index ${group(index.target)}:`)
    lines.push('  its next ones sort before them, and fail when they reach them. See docs/migration.md')
  } else if (index.target < index.source) {
    lines.push(`the target is at index ${group(index.target)}, the source at ${group(index.source)}:`)
    lines.push('  watchers that come along and wait for an index of the source would wait long. See docs/migration.md')
  }
  if (equal) lines.push('equal')
  display.result(
    {
      ...{ equal, sourceNodes, targetNodes, sourceDigest, targetDigest, extras, settled: verdict.settled },
      ...{ differenceCount, differences, refusedCount, refused, index },
    },
    lines,
  )
  return refusedCount > 0 ? EXIT.refused : equal ? EXIT.done : EXIT.differs
}
