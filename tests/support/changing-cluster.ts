/**
 * Members as real processes whose cluster grows and shrinks while it runs.
 *
 * Owns: the words to `/v2/members`, and the command lines of those that join. Asserts nothing.
 */
import { join } from 'node:path'
import { request } from 'undici'
import { onTestFailed, onTestFinished } from 'vitest'
import { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { MemberProcess, planMembers } from './member-process.ts'
import { scratchDir } from './scratch.ts'

export interface MemberJson {
  readonly id: string
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
}

export interface ChangeAnswer {
  readonly status: number
  readonly body: string
}

export class ChangingCluster extends Cluster {
  readonly #all: MemberProcess[]

  private constructor(members: MemberProcess[], folder: string) {
    super(members, folder)
    this.#all = members
  }

  /** A cluster that serves, for the running test alone. A failed test shows what the members said. */
  static async start(names: readonly string[], args: readonly string[] = []): Promise<ChangingCluster> {
    const folder = await scratchDir()
    const specs = await planMembers(names, folder, args)
    const members = specs.map((spec) => new MemberProcess(spec))
    const cluster = new ChangingCluster(members, folder)
    onTestFinished(() => cluster.end())
    onTestFailed(() => cluster.report())
    await cluster.start()
    await cluster.leader()
    return cluster
  }

  /** Asks `member` for a change, once. */
  async change(
    member: MemberProcess,
    method: string,
    path: string,
    peerUrls?: readonly string[],
  ): Promise<ChangeAnswer> {
    const reply = await request(`${member.url}/v2/members${path}`, {
      method,
      dispatcher: this.client.agent,
      ...(peerUrls === undefined
        ? {}
        : { body: JSON.stringify({ peerURLs: peerUrls }), headers: { 'content-type': 'application/json' } }),
    })
    return { status: reply.statusCode, body: await reply.body.text() }
  }

  /** The list as `member` shows it. */
  async listed(member: MemberProcess): Promise<readonly MemberJson[]> {
    const { members } = (await this.client.json(member.url, '/v2/members')) as { members: readonly MemberJson[] }
    return members
  }

  async idOf(name: string, seenBy: MemberProcess): Promise<string> {
    return eventually(`a member that is called ${name}`, async () => {
      return (await this.listed(seenBy)).find((member) => member.name === name)?.id ?? false
    })
  }

  /** Asks until the answer is not 500, which says that the cluster is not ready for a change. */
  settledChange(
    member: MemberProcess,
    method: string,
    path: string,
    peerUrls?: readonly string[],
  ): Promise<ChangeAnswer> {
    return eventually(`${method} ${path} to be taken`, async () => {
      const answer = await this.change(member, method, path, peerUrls)
      return answer.status !== 500 && answer
    })
  }

  /** Adds a member through `through`, and plans its process, which is not started. */
  async add(name: string, through: MemberProcess, args: readonly string[] = []): Promise<MemberProcess> {
    const peerPort = await freePort()
    const clientPort = await freePort()
    const peerUrl = `http://127.0.0.1:${peerPort}`
    const answer = await this.settledChange(through, 'POST', '', [peerUrl])
    if (answer.status !== 201) throw new Error(`adding ${name} was answered ${answer.status} ${answer.body}`)
    const { id } = JSON.parse(answer.body) as MemberJson
    const members = await this.listed(through)
    const named = members.map((each) => `${each.id === id ? name : each.name}=${each.peerURLs[0]}`)
    const member = new MemberProcess({
      name,
      clientPort,
      peerPort,
      dataDir: join(this.folder, name),
      initialCluster: named.join(','),
      args: ['--initial-cluster-state', 'existing', ...args],
    })
    this.#all.push(member)
    return member
  }

  /** Removes a member that the cluster knows by its name. */
  async remove(member: MemberProcess, through: MemberProcess): Promise<void> {
    const id = await this.idOf(member.name, through)
    const answer = await this.settledChange(through, 'DELETE', `/${id}`)
    if (answer.status !== 204) throw new Error(`removing ${member.name} was answered ${answer.status} ${answer.body}`)
  }
}
