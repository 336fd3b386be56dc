/**
 * How a command of etcdctl's fails: what it prints on standard error, and its exit status.
 *
 * Owns: the statuses, the errors of a cluster as etcdctl words them. Leaves to others: noticing failures (cluster).
 */
import process from 'node:process'

/** Exit statuses of etcdctl's v2 commands. */
export const STATUS = { done: 0, wrong: 1, noConnection: 2, refused: 4, unhealthy: 5 } as const

const UNSURE = 'muster: the change may have been made all the same'

/** Ends a command: `lines` go to standard error, each with a line end unless it has one. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly status: number

  constructor(status: number, ...lines: readonly string[]) {
    super(lines.map((line) => `${line}\n`).join(''))
    this.status = status
  }
}

/** What is known of a failure besides its sentences. */
interface ClusterFate {
  /** No server could be connected to. */
  readonly isUnconnected: boolean
  /** It was a change, and a server may have made it. */
  readonly isUnsure: boolean
  /** One failure is told without those words that etcdctl has for a list. */
  readonly isShort: boolean
  /** What a user can do, a line each. */
  readonly hints: readonly string[]
}

/** The servers gave no usable answer. Each of `failures` belongs to one server, in the order in which they were asked. */
export class ClusterFailed extends Error {
  override readonly name = 'ClusterFailed'
  /** One sentence a server; empty where the message has it. */
  readonly failures: readonly string[]
  readonly isUnconnected: boolean
  readonly isUnsure: boolean
  /** Lines for standard error that etcdctl does not have. */
  readonly notes: readonly string[]

  constructor(failures: readonly string[], { isUnconnected, isUnsure, isShort, hints }: ClusterFate) {
    const alone = isShort && failures.length === 1
    const list = failures.map((failure, at) => `; error #${at}: ${failure}\n`).join('')
    super(alone ? failures[0] : `client: etcd cluster is unavailable or misconfigured${list}`)
    this.failures = alone ? [] : failures
    this.isUnconnected = isUnconnected
    this.isUnsure = isUnsure
    this.notes = isUnsure ? [...hints, UNSURE] : hints
  }
}

/** Time ran out, an answer makes no sense, or the server says no: what that is called to users. */
export class AskFailed extends Error {
  override readonly name = 'AskFailed'
  /** Ended by the limit on the whole command. */
  readonly isOverdue: boolean

  constructor(message: string, isOverdue = false) {
    super(message)
    this.isOverdue = isOverdue
  }
}

export const INVALID_JSON = 'client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint'

/** The form in which commands on keys report an error. */
export function reported(status: number, error: unknown): CommandFailed {
  if (error instanceof CommandFailed) return error
  const lines = [`Error:  ${wordsOf(error)}`]
  if (error instanceof ClusterFailed) {
    const { failures, notes } = error
    if (failures.length > 0) lines.push(failures.map((failure, at) => `error #${at}: ${failure}\n`).join(''))
    lines.push(...notes)
  }
  return new CommandFailed(status, ...lines)
}

/** The form in which commands on members, users and roles report one. */
export function plain(error: unknown, before = ''): CommandFailed {
  if (error instanceof CommandFailed) return error
  const notes = error instanceof ClusterFailed ? error.notes : []
  return new CommandFailed(STATUS.wrong, before + wordsOf(error), ...notes)
}

/** Runs a command; a failure is printed and becomes the exit status. */
export async function concluding(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const failed = plain(error)
    process.stderr.write(failed.message)
    process.exitCode = failed.status
  }
}

/** @throws what it is given when that is a fault of this program. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error) || error instanceof TypeError) throw error
  return error.message
}
