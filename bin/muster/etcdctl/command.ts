/**
 * A command that etcdctl has too: how its words are read and how it fails.
 *
 * Owns: what all of them share. Leaves to others: what each does.
 */
import type { Command } from 'commander'
import { likeEtcdctl } from '../dispatch.ts'
import { type Manners, withManners } from '../words.ts'
import { concluding } from './failures.ts'

/**
 * Adds a command to a group. `args` is for the help only: each command looks at its arguments itself, as etcdctl's do.
 */
export function command(group: Command, name: string, description: string, args = '', manners: Manners = {}): Command {
  const added = group.command(name).description(description).usage(`[options] ${args}`.trim())
  return likeEtcdctl(withManners(added, { takesDashes: true, ...manners })).allowExcessArguments()
}

/** Adds a group of commands, e.g. `member`. */
export function group(program: Command, name: string, description: string): Command {
  return likeEtcdctl(program.command(name).description(description))
}

/** What commander calls for a command; failures of the work are printed and become the exit status. */
export function acting(work: (made: Command) => Promise<void>): (words: object, made: Command) => Promise<void> {
  return (_words, made) => concluding(() => work(made))
}

/** The end of a help text: one command line each. */
export function examples(...lines: readonly string[]): string {
  const shown = lines.map((line) => `  ${line.includes('muster') ? line : `muster ${line}`}`)
  return `\nExamples:\n${shown.join('\n')}`
}
