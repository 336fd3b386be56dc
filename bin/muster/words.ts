/**
 * The words of a command line, as etcdctl takes them: `-name value`, `--name=value`, options of all commands in any place.
 *
 * Owns: which command is meant, which word belongs to which option, and the one form that commander then parses. Leaves to
 * others: the options (each command's file), what follows from a wrong word (dispatch).
 *
 * As in Go one dash is as good as two, and short options are not joined. Unlike there an option may also stand behind the
 * words that are none.
 */
import { type Command, InvalidArgumentError, type Option } from 'commander'
import { parseSwitch } from '../../src/config/switch.ts'

/** What a command line asks for. */
export type Reading =
  /** Words for commander: options of the program, the command, its options, `--`, its arguments. */
  | { readonly kind: 'run'; readonly words: readonly string[] }
  | { readonly kind: 'help'; readonly command: Command }
  | { readonly kind: 'version' }
  /** A command that there is not. */
  | { readonly kind: 'unknown'; readonly word: string; readonly group: Command }
  /** A sentence about the word that broke the rules of a command. */
  | { readonly kind: 'wrong'; readonly command: Command; readonly problem: string }

/** How a command takes what it does not know. */
export interface Manners {
  /** Words with a dash behind the first argument are arguments when no option has that name, as in `set /key -5`. */
  readonly takesDashes?: boolean
  /** A `--` behind the first argument is an argument. */
  readonly keepsSeparator?: boolean
}

const MANNERS = new WeakMap<Command, Manners>()

/** Says how a command takes words. Returns the command. */
export function withManners(command: Command, manners: Manners): Command {
  MANNERS.set(command, manners)
  return command
}

/** Reads the words after the program's name. */
export function readWords(program: Command, argv: readonly string[]): Reading {
  return new WordReader(program, argv).read()
}

interface Given {
  readonly option: Option
  readonly owner: Command
  /** Undefined for a switch. */
  readonly value: string | undefined
}

class WordReader {
  readonly #argv: readonly string[]
  #at = 0
  #command: Command
  readonly #path: string[] = []
  #given: Given[] = []
  readonly #args: string[] = []

  constructor(program: Command, argv: readonly string[]) {
    this.#command = program
    this.#argv = argv
  }

  read(): Reading {
    for (; this.#at < this.#argv.length; this.#at += 1) {
      const word = this.#argv[this.#at] as string
      if (word === '--' && this.#isGroup) continue
      if (word === '--') {
        const keep = this.#args.length > 0 && MANNERS.get(this.#command)?.keepsSeparator === true
        this.#args.push(...this.#argv.slice(this.#at + (keep ? 0 : 1)))
        break
      }
      const end = word.length > 1 && word.startsWith('-') ? this.#takeOption(word) : this.#takeArgument(word)
      if (end !== undefined) return end
    }
    if (this.#isGroup) return { kind: 'help', command: this.#command }
    const own = this.#given.filter(({ owner }) => owner === this.#command)
    const shared = this.#given.filter(({ owner }) => owner !== this.#command)
    return { kind: 'run', words: [...shared.map(asWord), ...this.#path, ...own.map(asWord), '--', ...this.#args] }
  }

  get #isGroup(): boolean {
    return this.#command.parent === null || this.#command.commands.length > 0
  }

  #takeArgument(word: string): Reading | undefined {
    if (!this.#isGroup) {
      this.#args.push(word)
      return undefined
    }
    if (word === 'help' || word === 'h') return this.#helpAbout(this.#argv.slice(this.#at + 1))
    const found = subcommand(this.#command, word)
    if (found === undefined) return { kind: 'unknown', word, group: this.#command }
    this.#command = found
    this.#path.push(found.name())
    return undefined
  }

  #helpAbout(names: readonly string[]): Reading {
    let command = this.#command
    for (const name of names) {
      const found = subcommand(command, name)
      if (found === undefined) return { kind: 'unknown', word: name, group: command }
      command = found
    }
    return { kind: 'help', command }
  }

  #takeOption(word: string): Reading | undefined {
    const [, name, equals] = /^--?([^-=][^=]*)(=)?/s.exec(word) ?? []
    if (name === undefined) return this.#wrong(`bad flag syntax: ${word}`)
    const given = equals === undefined ? undefined : word.slice(word.indexOf('=') + 1)
    if (name === 'help' || name === 'h') return this.#takeHelp(given)
    const known = this.#find(name)
    if (known === undefined) return this.#takeUnknown(word, name)
    const { option, owner } = known
    if (!option.required && (!option.optional || given === undefined))
      return this.#takeSwitch(name, option, owner, given)
    if (given === undefined) this.#at += 1
    const value = given ?? this.#argv[this.#at]
    if (value === undefined) return this.#wrong(`flag needs an argument: -${name}`)
    try {
      option.parseArg?.(value, undefined)
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      return this.#wrong(`invalid value ${JSON.stringify(value)} for flag -${name}: ${error.message}`)
    }
    this.#given.push({ option, owner, value })
    return undefined
  }

  #takeHelp(given: string | undefined): Reading | undefined {
    const on = given === undefined ? true : parseSwitch(given)
    if (on === undefined) return this.#wrong(`invalid boolean value ${JSON.stringify(given)} for -help: parse error`)
    return on ? { kind: 'help', command: this.#command } : undefined
  }

  #takeSwitch(name: string, option: Option, owner: Command, given: string | undefined): Reading | undefined {
    const on = given === undefined ? true : parseSwitch(given)
    if (on === undefined) return this.#wrong(`invalid boolean value ${JSON.stringify(given)} for -${name}: parse error`)
    if (on && option.name() === 'version') return { kind: 'version' }
    // The last one counts.
    this.#given = this.#given.filter((before) => before.option !== option)
    if (on) this.#given.push({ option, owner, value: undefined })
    return undefined
  }

  #takeUnknown(word: string, name: string): Reading | undefined {
    if (this.#args.length === 0 || MANNERS.get(this.#command)?.takesDashes !== true) {
      return this.#wrong(`flag provided but not defined: -${name}`)
    }
    this.#args.push(word)
    return undefined
  }

  /** The command's own come first: `export --output` is a file. */
  #find(name: string): { readonly option: Option; readonly owner: Command } | undefined {
    for (let owner: Command | null = this.#command; owner !== null; owner = owner.parent) {
      const option = owner.options.find(({ short, long }) => long === `--${name}` || isShort(short, name))
      if (option !== undefined) return { option, owner: owner }
    }
    return undefined
  }

  #wrong(problem: string): Reading {
    return { kind: 'wrong', command: this.#command, problem }
  }
}

/** A command may be asked for by any of its names. */
function subcommand(group: Command, word: string): Command | undefined {
  return group.commands.find((command) => command.name() === word || command.aliases().includes(word))
}

/** What commander calls short may have two dashes, where an option has two long names. */
function isShort(short: string | undefined, name: string): boolean {
  return short === `-${name}` || short === `--${name}`
}

function asWord({ option, value }: Given): string {
  const name = option.long ?? (option.short as string)
  return value === undefined ? name : `${name}=${value}`
}
