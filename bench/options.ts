/** The command line of the benchmark: what may be asked for, and how much effort that means. */
import { parseArgs } from 'node:util'
import { isInstalled } from './contenders.ts'
import type { Effort } from './row.ts'

/** What one run does. */
export interface BenchOptions {
  /** Names of contenders, the one whose goals are checked first. */
  readonly contenders: readonly string[]
  readonly rounds: number
  readonly effort: Effort
  readonly wanted: ReadonlySet<string>
  /** Whether the run only checks that every row works. */
  readonly quick: boolean
  readonly jsonFile: string | undefined
}

/** What a measurement takes: the numbers of architecture.md, section 9. */
export const FULL_EFFORT: Effort = {
  seconds: 5,
  warmUpSeconds: 3,
  watchers: 1000,
  bulkKeys: 100_000,
  ttlKeys: 100,
  failovers: 2,
}

/** Enough to see that every row works. */
const QUICK_EFFORT: Effort = {
  seconds: 1,
  warmUpSeconds: 1,
  watchers: 100,
  bulkKeys: 2000,
  ttlKeys: 20,
  failovers: 1,
}

const ROUNDS_MAX = 1000
const SECONDS_MAX = 600

/** Printed for --help. */
export const HELP = `npm run bench -- [options]

  --rounds N        alternations of all contenders; medians are shown (3)
  --seconds S       of load for one measurement (5)
  --only a,b        only these rows; --list shows their names
  --against NAME    etcd, none, or the folder of another checkout of muster (etcd where it is on PATH, else none)
  --subject NAME    who is measured: muster, etcd, or the folder of a checkout (muster)
  --quick           every row once, one second each: checks that all give numbers and no errors
  --json FILE       also write all samples there
  --list            print the names of the rows
`

/**
 * Reads the command line.
 *
 * @throws Error with one sentence when it cannot be read.
 */
export function readOptions(args: readonly string[], rowNames: readonly string[]): BenchOptions | 'help' | 'list' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      against: { type: 'string' },
      subject: { type: 'string', default: 'muster' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
      list: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  if (values.list) return 'list'
  const { quick } = values
  const seconds = wholeNumber(
    '--seconds',
    values.seconds ?? String((quick ? QUICK_EFFORT : FULL_EFFORT).seconds),
    SECONDS_MAX,
  )
  const against = values.against ?? (isInstalled('etcd') ? 'etcd' : 'none')
  return {
    contenders: against === 'none' ? [values.subject] : [values.subject, against],
    rounds: wholeNumber('--rounds', values.rounds ?? (quick ? '1' : '3'), ROUNDS_MAX),
    effort: quick ? { ...QUICK_EFFORT, seconds } : { ...FULL_EFFORT, seconds, warmUpSeconds: Math.min(3, seconds) },
    wanted: wantedRows(values.only, rowNames),
    quick,
    jsonFile: values.json,
  }
}

function wantedRows(only: string | undefined, rowNames: readonly string[]): ReadonlySet<string> {
  const wanted = only === undefined ? rowNames : only.split(',').map((name) => name.trim())
  const unknown = wanted.filter((name) => !rowNames.includes(name))
  if (unknown.length > 0) throw new Error(`no row is called ${unknown.join(', ')}; there are ${rowNames.join(', ')}`)
  return new Set(wanted)
}

function wholeNumber(flag: string, text: string, most: number): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > most) {
    throw new Error(`${flag} takes a whole number from 1 to ${most}, not ${text}`)
  }
  return number
}
