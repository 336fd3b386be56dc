/**
 * A command whose environment follows the store.
 *
 * Owns: when it is started, restarted or signalled. Leaves to others: the variables (environment), the process (supervised),
 * the keys.
 */
import type { Wait } from './duration.ts'
import { type Environment, type EnvironmentRules, environmentOf, isSameEnvironment } from './environment.ts'
import { reasonOf } from './errors.ts'
import type { Feed, Snapshot } from './feed.ts'
import { Settling } from './settling.ts'
import type { Supervised } from './supervised.ts'
import type { RenderLog } from './work.ts'

export interface EnvRunnerOptions {
  readonly rules: EnvironmentRules
  readonly wait: Wait
  /** Sent at a change; undefined: the command is restarted. */
  readonly signal: NodeJS.Signals | undefined
  /** What the command has beside the keys, which win. */
  readonly env: NodeJS.ProcessEnv
  readonly command: Supervised
  readonly log: RenderLog
}

export class EnvRunner {
  readonly #options: EnvRunnerOptions
  #present: Environment | undefined
  #problem: string | undefined
  #isMissing = false
  /** What is under way. */
  #busy: Promise<void> = Promise.resolve()

  constructor(options: EnvRunnerOptions) {
    this.#options = options
  }

  /** Starts the command with these keys. @throws RenderError when no process could have them. */
  start(snapshot: Snapshot): void {
    const environment = this.#environment(snapshot)
    this.#present = environment
    this.#options.command.start(this.#whole(environment))
  }

  /** Follows a feed until the command has ended; resolves with its status. */
  async follow(feed: Feed): Promise<number> {
    const settling = new Settling(this.#options.wait, () => this.#look(feed))
    const unlisten = feed.listen(() => settling.change())
    settling.change()
    const status = await this.#options.command.done
    unlisten()
    settling.stop()
    await this.#busy
    return status
  }

  #look(feed: Feed): void {
    this.#busy = this.#busy.then(async () => {
      try {
        const snapshot = feed.snapshot()
        if (snapshot !== undefined) await this.#take(snapshot)
        this.#problem = undefined
      } catch (error) {
        const problem = reasonOf(error)
        if (problem !== this.#problem) this.#options.log.error({}, `the command keeps what it has: ${problem}`)
        this.#problem = problem
      }
    })
  }

  async #take(snapshot: Snapshot): Promise<void> {
    const { command, log, signal } = this.#options
    const environment = this.#environment(snapshot)
    if (this.#present !== undefined && isSameEnvironment(this.#present, environment)) return
    if (this.#present === undefined) command.start(this.#whole(environment))
    else if (signal !== undefined) {
      log.info({ index: snapshot.index, signal }, 'keys have changed: signalling the command')
      await command.tell(signal)
    } else {
      log.info({ index: snapshot.index }, 'keys have changed: restarting the command')
      await command.restart(this.#whole(environment))
    }
    this.#present = environment
  }

  #environment(snapshot: Snapshot): Environment {
    const { prefix } = this.#options.rules
    // Misspelt, perhaps; said when it is so at first, and when it comes to be so.
    if (snapshot.missing && !this.#isMissing)
      this.#options.log.warn({ prefix }, `${prefix} is not in the store: the command has no variables of it`)
    this.#isMissing = snapshot.missing
    const environment = environmentOf(snapshot.values, this.#options.rules)
    if (environment.hidden.length > 0) {
      this.#options.log.warn(
        { keys: environment.hidden.slice(0, 10) },
        'other keys have the same name as a variable, and win',
      )
    }
    return environment
  }

  #whole({ variables }: Environment): NodeJS.ProcessEnv {
    return { ...this.#options.env, ...variables }
  }
}
