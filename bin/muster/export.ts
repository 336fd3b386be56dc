/**
 * `muster export`: writes the keys of a cluster as JSON lines.
 *
 * Owns: its words, the file that is there only when it is whole, exit status. Leaves to others: the work (`src/transfer/`).
 */
import { open, rename, rm } from 'node:fs/promises'
import process from 'node:process'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import { MusterClient } from '../../src/client/client.ts'
import { exportTree } from '../../src/transfer/export.ts'
import { HiddenPlaces, WELL_KNOWN } from '../../src/transfer/hidden.ts'
import { searchHidden } from '../../src/transfer/hidden-search.ts'
import { LiveTree, listsHidden, requireThere } from '../../src/transfer/live-tree.ts'
import { Patience } from '../../src/transfer/patience.ts'
import { newCounts } from '../../src/transfer/progress.ts'
import { PathMap } from '../../src/transfer/tree.ts'
import { type ConnectionWords, connectionOf, keyPath, wholeNumber } from './connection.ts'
import { Display, group } from './display.ts'
import { EXIT, EXIT_HELP, fail, interruptible } from './exit.ts'

interface ExportWords {
  readonly prefix: string
  readonly hidden?: readonly string[]
  readonly output?: string
  readonly patience: number
  readonly json?: boolean
}

const HELP = `
One line a node (path, dir, value, ttl), after a line that says what follows and before one with their number
and digest, so that a file that was cut is noticed. From muster it is the tree at one moment; from etcd each hidden
place is read by itself, a little later. Hidden keys of etcd are found as by muster import: see its --help.

Examples:
  muster export -o backup.jsonl
  muster export --endpoints http://10.0.0.1:2379 --prefix /services | gzip >services.jsonl.gz
${EXIT_HELP}`

/** Adds the command. */
export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write the keys of an etcd or muster as JSON lines')
    .option('--prefix <PATH>', 'only this directory or key', keyPath, '/')
    .option('--hidden <PATH>', 'a hidden place of an etcd; may be repeated', collect)
    .option('-o, --output <FILE>', 'where to write; standard output otherwise')
    .option('--patience <SECONDS>', 'how long a server that does not answer is waited for', wholeNumber(0, 86_400), 30)
    .option('--json', 'progress and outcome as JSON lines; only with --output')
    .addHelpText('after', HELP)
    .action(async (words: ExportWords) => {
      if (words.json === true && words.output === undefined) command.error('error: --json needs --output')
      process.exitCode = await run(words, command.optsWithGlobals())
    })
}

function collect(path: string, before: readonly string[] = []): readonly string[] {
  return [...before, keyPath(path)]
}

async function run(words: ExportWords, connection: ConnectionWords): Promise<number> {
  const { prefix, output } = words
  const counts = newCounts()
  const display = new Display(counts, words.json === true)
  const { signal, end } = interruptible(display, undefined, false)
  const unfinished = output === undefined ? undefined : `${output}.part`
  let client: MusterClient | undefined
  // The disk may say no at any time; nobody would listen between two waits.
  const disk = new AbortController()
  try {
    // It may ask for a password, and end there: nothing is made before.
    client = new MusterClient(await connectionOf(connection))
    const file = unfinished === undefined ? undefined : await open(unfinished, 'w', 0o600)
    const out = file === undefined ? process.stdout : file.createWriteStream()
    if (file !== undefined) out.on('error', (error) => disk.abort(error))
    const both = AbortSignal.any([signal, disk.signal])
    await client.position({ signal })
    await requireThere(client, prefix, { signal })
    const hidden = await listsHidden(client, { signal })
    const patience = new Patience('source', words.patience * 1000, signal, (error) =>
      display.note('waiting', error.message),
    )
    const places = new HiddenPlaces([...WELL_KNOWN, ...(words.hidden ?? [])], prefix)
    if (!hidden)
      await searchHidden({ source: client, path: prefix, patience, hidden: places, report: display, signal: both })
    const paths = new PathMap(prefix, prefix)
    const source = new LiveTree({ client, paths, side: 'source', listsHidden: hidden, hidden: places, patience })
    const written = await exportTree({ source, prefix, hidden, out, report: display, counts, signal: both })
    if (unfinished !== undefined && output !== undefined) {
      out.end()
      await finished(out)
      await rename(unfinished, output)
      display.result(written, [`${output}: ${group(written.nodes)} nodes at index ${written.index}`])
    }
    return EXIT.done
  } catch (error) {
    if (unfinished !== undefined) await rm(unfinished, { force: true })
    return fail(
      display,
      disk.signal.aborted ? disk.signal.reason : error,
      signal,
      'Nothing was written that could be taken for whole.',
    )
  } finally {
    end()
    display.end()
    await client?.close()
  }
}
