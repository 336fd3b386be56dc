/**
 * Flags as Go programs take them, so that old command lines work: `-name x`, `-name=x`, `--name x`, `--name=x`.
 *
 * Owns: the grammar of Go's `flag` package, reduced to one form (`--flag=value`, or `--flag` alone) that commander parses.
 * Leaves to others: which flags exist beyond their arity, and what the values mean.
 */
import { parseSwitch } from './switch.ts'

/** How many words a flag takes: `value` takes the next word when there is no `=`, `switch` never does. */
export type FlagArity = 'value' | 'switch' | 'unknown'

/** `stray` is the first word that is no flag; Go stops there. `problem` is a sentence about the word that broke the rules. */
export interface GoFlags {
  readonly words: readonly string[]
  readonly stray: string | undefined
  readonly problem: string | undefined
}

/** Reduces `argv` (without program name) to words of one form. Switches become `--flag=true` or `--flag=false`. */
export function reduceGoFlags(argv: readonly string[], arityOf: (flag: string) => FlagArity): GoFlags {
  const words: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? ''
    if (word === '--') return { words, stray: argv[at + 1], problem: undefined }
    if (word.length < 2 || !word.startsWith('-')) return { words, stray: word, problem: undefined }

    const [, flag, equals] = /^--?([^-=][^=]*)(=)?/s.exec(word) ?? []
    if (flag === undefined) return { words, stray: undefined, problem: `bad flag syntax: ${word}` }
    const given = equals === undefined ? undefined : word.slice(word.indexOf('=') + 1)

    const arity = arityOf(flag)
    if (arity === 'unknown') return { words: [...words, `--${flag}`], stray: undefined, problem: undefined }
    if (arity === 'switch') {
      const on = given === undefined ? true : parseSwitch(given)
      if (on === undefined)
        return { words, stray: undefined, problem: `invalid boolean value "${given}" for --${flag}` }
      words.push(`--${flag}=${on}`)
      continue
    }
    const value = given ?? argv[++at]
    if (value === undefined) return { words, stray: undefined, problem: `flag needs an argument: --${flag}` }
    words.push(`--${flag}=${value}`)
  }
  return { words, stray: undefined, problem: undefined }
}
