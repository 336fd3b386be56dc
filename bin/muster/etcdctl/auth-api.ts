/**
 * `/v2/auth` for the commands on users and roles.
 *
 * Owns: which answers are an error, and their sentences. Leaves to others: the way to a server (cluster).
 */
import type { Command } from 'commander'
import type { ConnectionWords } from '../connection.ts'
import { Cluster, parseJson, type Question } from './cluster.ts'
import { CommandFailed, plain, STATUS } from './failures.ts'
import { pathUrl } from './go-url.ts'
import { messageIn } from './members.ts'

/** The users, roles and switch of one cluster. Bind it with `await using`. */
export class AuthApi {
  readonly #cluster: Cluster

  private constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Finds the cluster that a command's words name. @throws CommandFailed. */
  static async open(made: Command): Promise<AuthApi> {
    const cluster = await Cluster.open(made.optsWithGlobals<ConnectionWords>())
    cluster.note(`Cluster-Endpoints: ${cluster.endpoints.join(', ')}`)
    return new AuthApi(cluster)
  }

  /** A user, a role, or all of them where `name` is empty. @throws CommandFailed. */
  read(what: 'users' | 'roles', name: string): Promise<unknown> {
    return this.#ask({ method: 'GET', target: pathUrl('auth', what, name) })
  }

  /** Changes a user, a role, or the switch. @throws CommandFailed. */
  change(method: 'PUT' | 'DELETE', what: 'users' | 'roles' | 'enable', name: string, body?: object): Promise<unknown> {
    const json = body === undefined ? {} : { body: JSON.stringify(body), json: true }
    return this.#ask({ method, target: pathUrl('auth', what, name), ...json })
  }

  /** Changes a user that there is. @throws CommandFailed, also when the server has made it by that. */
  async changeUser(name: string, body: object): Promise<void> {
    const made = `User ${name} was not there, and the server has made it`
    await this.#ask(
      { method: 'PUT', target: pathUrl('auth', 'users', name), body: JSON.stringify(body), json: true },
      made,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.close()
  }

  /** @param whenMade the sentence for status 201 where that is an error. */
  async #ask(question: Question, whenMade?: string): Promise<unknown> {
    try {
      const { status, text } = await this.#cluster.ask(question)
      if (status === 201 && whenMade !== undefined) throw new CommandFailed(STATUS.wrong, whenMade)
      if (status !== 200 && status !== 201) throw new CommandFailed(STATUS.wrong, messageIn(text))
      return text.trim() === '' ? {} : parseJson(text)
    } catch (error) {
      throw plain(error)
    }
  }
}
