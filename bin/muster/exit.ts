/**
 * How commands of ours end: the sentence for a failure; of transfers also exit status and signals.
 */
import process from 'node:process'
import type { Steering } from '../../src/transfer/steering.ts'
import type { Display } from './display.ts'

/** Exit status of `muster import` and `muster export`. */
export const EXIT = { done: 0, failed: 1, wrongWords: 2, differs: 3, refused: 4, interrupted: 130 } as const

export const EXIT_HELP = `
Exit status: 0 done and verified; 1 could not be done (a server is gone, a file is damaged); 2 wrong words;
3 the trees differ; 4 the target refused some keys; 130 interrupted before the end.`

class Interrupted extends Error {}

/**
 * Listens for signals: the first asks a following import to end in order, a second, or one before it follows, ends all at once.
 * SIGUSR1, or Enter on a terminal, asks for the cut-over.
 */
export function interruptible(
  display: Display,
  steering: Steering | undefined,
  typed: boolean,
): { readonly signal: AbortSignal; end(): void } {
  const over = new AbortController()
  const stop = (): void => {
    if (steering !== undefined && steering.wish !== 'now' && display.currentPhase === 'following') {
      display.say('ending: carrying over what has happened, then verifying')
      steering.ask('now')
    } else over.abort(new Interrupted('interrupted'))
  }
  const cutOver = (): void => steering?.ask('quiet')
  process.on('SIGINT', stop).on('SIGTERM', stop)
  if (steering !== undefined) process.on('SIGUSR1', cutOver)
  const takesEnter = typed && steering !== undefined && process.stdin.isTTY === true
  if (takesEnter) process.stdin.on('data', cutOver)
  return {
    signal: over.signal,
    end: () => {
      process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGUSR1', cutOver)
      if (takesEnter) process.stdin.off('data', cutOver).pause()
    },
  }
}

/** An error for users, with the code that stays the same over releases where it has one. */
export function failureText(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  return `${error.message}${code}`
}

/** Prints why it failed; the exit status. @param advice What the user can do, on a line of its own. */
export function fail(display: Display, error: unknown, signal: AbortSignal, advice: string): number {
  if (signal.aborted) {
    display.say(`interrupted. ${advice}`)
    return EXIT.interrupted
  }
  if (!(error instanceof Error)) throw error
  const code = 'code' in error ? error.code : undefined
  display.say(`muster: ${failureText(error)}`)
  // Errors that nobody expected show where they come from.
  if (code === undefined && !(error instanceof RangeError)) display.say(error.stack ?? '')
  else if (!(error instanceof RangeError)) display.say(advice)
  return EXIT.failed
}
