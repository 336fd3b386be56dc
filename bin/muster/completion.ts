/**
 * `muster completion`: what the shells need to complete the tool's words, made from the table of commands itself.
 *
 * Owns: the command, and the list of words that each script is made of. Leaves to others: the scripts (completion-scripts).
 */
import process from 'node:process'
import { Argument, type Command, type Option } from 'commander'
import { SCRIPTS } from './completion-scripts.ts'
import { examples } from './etcdctl/command.ts'

/** One command, or the program itself, whose path is empty. */
export interface CompletedCommand {
  /** For example `member list`. */
  readonly path: string
  readonly description: string
  readonly commands: readonly Named[]
  readonly options: readonly CompletedOption[]
}

export interface Named {
  readonly name: string
  readonly description: string
}

export interface CompletedOption {
  /** With their dashes; the short one first. */
  readonly names: readonly string[]
  readonly description: string
  readonly value: 'none' | 'any' | 'file' | 'format'
  /** Those that it takes, with blanks; empty for all but a format. */
  readonly formats: string
}

const HELP = `
Bash:  source <(muster completion bash)                       in ~/.bashrc
Zsh:   muster completion zsh >"\${fpath[1]}/_muster"            once, then start zsh anew
Fish:  muster completion fish >~/.config/fish/completions/muster.fish
${examples('completion bash', 'completion bash etcdctl')}
The second one is for alias etcdctl=muster.`

/** Adds the command. @param readAll adds every other command to the program, for the scripts are about them. */
export function addCompletion(program: Command, readAll: () => Promise<Command>): void {
  program
    .command('completion')
    .description('print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(Object.keys(SCRIPTS)))
    .argument('[name]', 'the name under which the tool is called', nameOf, 'muster')
    .addHelpText('after', HELP)
    .action(async (shell: keyof typeof SCRIPTS, name: string) => {
      process.stdout.write(SCRIPTS[shell](completedCommands(await readAll()), name))
    })
}

function nameOf(text: string): string {
  if (/^[\w.-]+$/.test(text)) return text
  throw new Error(`a command's name has letters, digits, ".", "_" and "-" only, found ${JSON.stringify(text)}`)
}

/** Every command below a program, and the program. */
function completedCommands(program: Command): readonly CompletedCommand[] {
  const shared = shown(program)
  const found: CompletedCommand[] = []
  const visit = (command: Command, path: string): void => {
    const own = command === program ? [] : shown(command)
    const names = new Set(own.flatMap(({ names: taken }) => taken))
    found.push({
      path,
      description: command.description(),
      commands: command.commands.map((below) => ({ name: below.name(), description: below.description() })),
      options: [
        ...own,
        ...shared.filter(({ names: general }) => !general.some((name) => names.has(name))),
        HELP_OPTION,
      ],
    })
    for (const below of command.commands) visit(below, path === '' ? below.name() : `${path} ${below.name()}`)
  }
  visit(program, '')
  return found
}

const HELP_OPTION: CompletedOption = { names: ['-h', '--help'], description: 'show help', value: 'none', formats: '' }

function shown(command: Command): readonly CompletedOption[] {
  return command.options.filter(({ hidden }) => !hidden).map(optionOf)
}

function optionOf(option: Option): CompletedOption {
  const names = [option.short, option.long].filter((name) => name !== undefined)
  const value = valueOfOption(option)
  const { description } = option
  // The description lists them: "table, json or env (default: table)".
  const formats = value === 'format' ? description.replace(/ \(.*/, '').replace(/,| or/g, '') : ''
  return { names, description, value, formats }
}

function valueOfOption({ flags, required, optional, long }: Option): CompletedOption['value'] {
  if (!required && !optional) return 'none'
  if (/<(FILE|DIR|PATH)>/.test(flags) && long !== '--path') return 'file'
  return long === '--output' ? 'format' : 'any'
}
