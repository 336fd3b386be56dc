/**
 * The three ways in which a run fails, never confused.
 *
 * Owns: the class that says which, and the report, whose first line replays the run.
 */

/**
 * - `crash`: an assertion of the product, or an exception nobody expected.
 * - `wrong result`: a checker saw something that must not be.
 * - `no progress`: nothing wrong happened, and nothing right either.
 */
export type FailureKind = 'crash' | 'wrong result' | 'no progress'

export class SimFailure extends Error {
  override readonly name = 'SimFailure'
  readonly kind: FailureKind

  constructor(kind: FailureKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.kind = kind
  }
}

/** A checker's word: something happened that must not. */
export function wrong(message: string): SimFailure {
  return new SimFailure('wrong result', message)
}

/** Whatever was thrown, as one of the three. */
export function asFailure(error: unknown): SimFailure {
  if (error instanceof SimFailure) return error
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new SimFailure('crash', text, { cause: error })
}

/** What a failed run prints. `replay` is the command that runs it again. */
export function report(replay: string, failure: SimFailure, atMs: number, trace: readonly string[]): string {
  const cause = failure.cause instanceof Error ? `\n${failure.cause.stack ?? ''}` : ''
  return `${replay}\n${failure.kind} at ${atMs.toFixed(2)} ms: ${failure.message}${cause}\nwhat happened before:\n${trace.join('\n')}`
}
