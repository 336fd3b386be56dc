/**
 * The command line of `musterd`: which words are flags, and the text of `--help`.
 *
 * Owns: the commander program made from the table of options. Prints nothing and ends nothing: what to print comes back.
 */
import { Command, CommanderError, Option as CommanderOption } from 'commander'
import { type FlagArity, reduceGoFlags } from './go-flags.ts'
import { OBSOLETE_FLAGS, obsoleteFlag } from './obsolete.ts'
import type { Option, OptionGroup } from './option.ts'
import { OPTION_ROWS } from './options.ts'

/** What the command line asks for. `flags` has the text of every flag that was given; the last one wins, as in Go. */
export type CommandLine =
  | { readonly kind: 'run'; readonly flags: ReadonlyMap<string, string> }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  /** Status 2 for a word that looks like a flag, 1 for a stray word; as etcd does. */
  | { readonly kind: 'wrong'; readonly status: 1 | 2; readonly message: string }

const HELP_WIDTH = 110
const GROUP_TITLES: Readonly<Record<OptionGroup, string>> = {
  Member: 'This member:',
  Cluster: 'The cluster:',
  Discovery: 'Finding the other members at the first start:',
  'Client TLS': 'TLS towards clients:',
  'Peer TLS': 'TLS between members:',
  Proxy: 'A proxy in place of a member:',
  Timing: 'Timing (the same on all members):',
  History: 'Log and history:',
  Limits: 'Limits:',
  Log: 'Logging:',
}

/** Reads the words after the program's name. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { words, stray, problem } = reduceGoFlags(argv, arityOf)
  if (words.includes('--help=true') || words.includes('--h=true')) return { kind: 'help', text: helpText() }
  if (words.includes('--version=true')) return { kind: 'version' }

  const program = makeProgram()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  try {
    program.parse(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { kind: 'wrong', status: 2, message: error.message.replace(/^error: /, '').replace('\n', ' ') }
  }
  if (problem !== undefined) return { kind: 'wrong', status: 2, message: problem }
  if (stray !== undefined) return { kind: 'wrong', status: 1, message: `'${stray}' is not a valid flag` }

  const flags = new Map<string, string>()
  const values = program.opts<Record<string, string>>()
  for (const option of program.options) {
    const value = values[option.attributeName()]
    if (value !== undefined && option.long) flags.set(option.long.slice(2), value)
  }
  return { kind: 'run', flags }
}

/** The text that `--help` prints. */
function helpText(): string {
  return makeProgram().configureHelp({ helpWidth: HELP_WIDTH }).helpInformation()
}

/** What stands in `--help` and in the reference for a row without a value. */
export function shownDefault(option: Option): string {
  return option.fallbackNote ?? (option.fallback === '' ? 'none' : option.fallback)
}

function arityOf(flag: string): FlagArity {
  if (flag === 'help' || flag === 'h' || flag === 'version') return 'switch'
  const obsolete = obsoleteFlag(flag)
  if (obsolete !== undefined) return obsolete.boolean ? 'switch' : 'value'
  const row = OPTION_ROWS.find(([, option]) => option.flag === flag)?.[1]
  if (row === undefined) return 'unknown'
  return row.kind === 'switch' ? 'switch' : 'value'
}

function makeProgram(): Command {
  const program = new Command('musterd')
    .usage('[options]')
    .description(
      'A distributed key-value store for service discovery that speaks the etcd v2 API.\n' +
        'Each option --some-flag can also be given as MUSTER_SOME_FLAG or ETCD_SOME_FLAG in the environment;\n' +
        'flags come before MUSTER_ variables, and those before ETCD_ variables.',
    )
    .helpOption(false)
  for (const [, option] of OPTION_ROWS) program.addOption(commanderOption(option))
  program.addOption(new CommanderOption('--version <bool>').hideHelp())
  program.addOption(new CommanderOption('--help <bool>').hideHelp())
  for (const { flag } of OBSOLETE_FLAGS) program.addOption(new CommanderOption(`--${flag} <value>`).hideHelp())
  program.addHelpText('after', '\n--help prints this text, --version the version.')
  return program
}

function commanderOption(option: Option): CommanderOption {
  const choices = option.choices === undefined ? '' : ` One of ${option.choices.join(', ')}.`
  const description = `${option.help}${choices} Default: ${shownDefault(option)}.`
  return new CommanderOption(`--${option.flag} <${option.placeholder}>`, description).helpGroup(
    GROUP_TITLES[option.group],
  )
}
