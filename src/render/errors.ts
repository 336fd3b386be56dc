/**
 * What keeps a file or an environment from following the store, beside broken templates.
 *
 * Owns: the error and its codes, which are API. The wording may change.
 */

export type RenderErrorCode =
  /** A template resource or settings file cannot be read, or says something that makes no sense. */
  | 'MUSTER_RENDER_CONFIG'
  /** A key that a template names is not in the store. */
  | 'MUSTER_RENDER_KEY_MISSING'
  /** `check_cmd` said no. */
  | 'MUSTER_RENDER_CHECK'
  /** The file cannot be written. */
  | 'MUSTER_RENDER_WRITE'
  /** Whoever reads the file could not be told. */
  | 'MUSTER_RENDER_RELOAD'
  /** The keys make no environment that a process can have. */
  | 'MUSTER_RENDER_ENVIRONMENT'

export class RenderError extends Error {
  readonly code: RenderErrorCode

  constructor(code: RenderErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.name = 'RenderError'
    this.code = code
  }
}

/** The sentence of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
