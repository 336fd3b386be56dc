/**
 * From the words of a command line to the command that runs, or to what is said of words that make none.
 *
 * Owns: help, version, and the exit statuses and sentences for wrong words: etcdctl's for what etcdctl has too. Leaves to
 * others: reading the words (words), the commands.
 */
import process from 'node:process'
import type { Command } from 'commander'
import { packageVersion } from '../../src/config/version.ts'
import { readWords } from './words.ts'

/** Exit statuses for words that make no command. */
const WRONG_WORDS = 2
const WRONG_WORDS_ETCDCTL = 1
const NO_SUCH_COMMAND = 3
/** As the shell shows a program that SIGPIPE ended. */
const READER_GONE = 141

const LIKE_ETCDCTL = new WeakSet<Command>()

/** Marks a command whose wrong words are answered as etcdctl answers them. Returns it. */
export function likeEtcdctl(command: Command): Command {
  LIKE_ETCDCTL.add(command)
  return command
}

/** A file that adds commands. */
export interface CommandFile {
  readonly commands: readonly string[]
  add(program: Command): Promise<void>
}

/** Adds every command to a program. Returns it. */
export async function withAllCommands(program: Command, files: readonly CommandFile[]): Promise<Command> {
  for (const file of files) await file.add(program)
  return program
}

/**
 * Runs what the words ask for. Resolves when the command is over; the exit status is set.
 * @param makeProgram A program without commands.
 */
export async function dispatch(
  makeProgram: () => Command,
  files: readonly CommandFile[],
  argv: readonly string[],
): Promise<void> {
  // Whoever reads a part of the output and goes, as `head` does, ends this.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? READER_GONE : 1))
  let program = makeProgram()
  const asked = files.find(({ commands }) => argv.some((word) => commands.includes(word)))
  await asked?.add(program)
  let reading = readWords(program, argv)
  const isAboutAll = (reading.kind === 'help' || reading.kind === 'wrong') && reading.command === program
  if (isAboutAll || reading.kind === 'unknown') {
    // Help lists every command; and an option's value may be a command's name too.
    program = await withAllCommands(makeProgram(), files)
    reading = readWords(program, argv)
  }
  switch (reading.kind) {
    case 'run':
      await program.parseAsync([...reading.words], { from: 'user' })
      return
    case 'help':
      reading.command.outputHelp()
      return
    case 'version':
      process.stdout.write(`muster ${packageVersion()}\nAPI version: 2\n`)
      return
    case 'unknown':
      process.stderr.write(`No help topic for '${reading.word}'\n${guess(reading.group, reading.word)}`)
      process.exitCode = NO_SUCH_COMMAND
      return
    case 'wrong':
      sayWrong(program, reading.command, reading.problem)
  }
}

function sayWrong(program: Command, command: Command, problem: string): void {
  if (command === program || LIKE_ETCDCTL.has(command)) {
    // On both outputs, as scripts that keep only one of them know it.
    process.stdout.write(`Incorrect Usage${command === program ? '.' : ':'} ${problem}\n\n`)
    command.outputHelp()
    process.stderr.write(`${problem}\n`)
    process.exitCode = WRONG_WORDS_ETCDCTL
    return
  }
  process.stderr.write(`error: ${problem}\n(muster ${command.name()} --help says more)\n`)
  process.exitCode = WRONG_WORDS
}

/** A line about commands that begin alike; empty when none does. */
function guess(group: Command, word: string): string {
  const names = group.commands.map((command) => command.name())
  const near = names.filter((name) => name.startsWith(word.slice(0, 2)) || name.includes(word))
  const path = group.parent === null ? '' : ` ${group.name()}`
  return near.length === 0 || word === ''
    ? `muster${path} --help lists the commands\n`
    : `did you mean ${near.map((name) => `muster${path} ${name}`).join(', ')}?\n`
}
