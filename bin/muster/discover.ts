/**
 * `muster discover`: a service's instances, now or as they change.
 *
 * Owns: its words, signals, exit status, and saying that the store cannot be asked. Leaves to others: what instances there are
 * (`src/sidecar/`), how they look (instance-text).
 */
import process from 'node:process'
import { type Command, InvalidArgumentError } from 'commander'
import { MusterClient } from '../../src/client/client.ts'
import { discover, discoverNow, type InstanceList } from '../../src/sidecar/discover.ts'
import { type ConnectionWords, connectionOf } from './connection.ts'
import { failureText } from './exit.ts'
import { INSTANCE_FORMS, type InstanceForm, instanceText } from './instance-text.ts'
import { addLookOptions, type LookWords, lookOf } from './look-words.ts'

/** Exit statuses; 4 as of etcdctl for a key that is not there. */
const EXIT = { done: 0, failed: 1, nobody: 4 } as const

interface DiscoverWords extends ConnectionWords, LookWords {
  readonly output?: string
  readonly follow?: boolean
  readonly all?: boolean
}

const HELP = `
Instances that are critical or drain are left out, but for --all. With --follow it prints the whole list at once and
after each change: tables and variables with an empty line behind them, JSON on one line. When no server can be asked,
the last list stands: standard error says so, and JSON is printed once more with "stale":true.

Exit status: 0 done; 1 nobody could be asked; 4 no instance (without --follow).

Examples:
  muster discover web
  muster discover web --follow -o json | while read -r list; do …; done
  eval "$(muster discover db -o env)"; psql -h $DB_1_HOST -p $DB_1_PORT`

/** Adds the command. */
export function addDiscover(program: Command): void {
  const command = program
    .command('discover')
    .description("a service's instances, now or as they change")
    .argument('<NAME>', 'of the service')
    .option('-o, --output <FORMAT>', 'table, json or env (default: table)', formOf)
    .option('-f, --follow', 'go on, and print the list after each change')
    .option('--all', 'also those that are critical or drain')
  addLookOptions(command)
    .addHelpText('after', HELP)
    .action(async (name: string, _options: object, self: Command) => {
      process.exitCode = await run(name, self.optsWithGlobals())
    })
}

/** Words before the command's name reach us as they are; `simple` and `extended` are the general ones for a table. */
function formOf(text: string): InstanceForm {
  if (text === 'simple' || text === 'extended') return 'table'
  const form = INSTANCE_FORMS.find((each) => each === text)
  if (form === undefined) throw new InvalidArgumentError(`Expected one of ${INSTANCE_FORMS.join(', ')}.`)
  return form
}

async function run(name: string, words: DiscoverWords): Promise<number> {
  const over = new AbortController()
  const stop = (): void => over.abort()
  process.on('SIGINT', stop).on('SIGTERM', stop)
  const options = { ...lookOf(words), healthyOnly: words.all !== true, signal: over.signal }
  try {
    const form = formOf(words.output ?? 'table')
    const shown = new Shown(form)
    await using client = new MusterClient({
      ...(await connectionOf(words)),
      ...(words.follow === true ? { hooks: { retry: ({ error }) => shown.failed(error) } } : {}),
    })
    if (words.follow !== true) {
      const list = await discoverNow(client, name, options)
      process.stdout.write(instanceText(list, form))
      return list.instances.length === 0 ? EXIT.nobody : EXIT.done
    }
    for await (const list of discover(client, name, options)) shown.show(list)
    return EXIT.done
  } catch (error) {
    if (over.signal.aborted) return EXIT.done
    if (!(error instanceof Error)) throw error
    process.stderr.write(`muster: ${failureText(error)}\n`)
    return EXIT.failed
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

/** What was printed, and whether it is said that it may be old. */
class Shown {
  readonly #form: InstanceForm
  #text: string | undefined
  #isAway = false

  constructor(form: InstanceForm) {
    this.#form = form
  }

  /** A request is sent again. Once there is a list, only the list tells whether anybody answers. */
  failed(error: Error): void {
    if (this.#text === undefined) this.#away(`${error.message}: waiting for a server`)
  }

  show(list: InstanceList): void {
    if (list.stale) this.#away('no server answers: what is known stands')
    else if (this.#isAway) {
      this.#isAway = false
      process.stderr.write('muster: a server answers again\n')
    }
    const text = instanceText(list, this.#form)
    if (text === this.#text) return
    this.#text = text
    process.stdout.write(`${text}${this.#form === 'json' ? '' : '\n'}`)
  }

  #away(why: string): void {
    if (this.#isAway) return
    this.#isAway = true
    process.stderr.write(`muster: ${why}\n`)
  }
}
