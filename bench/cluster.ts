/**
 * Three members of one contender on loopback: started on free ports with fresh data, watched until they serve, stopped,
 * killed and started again. Leaves to workspace.ts that nothing outlives the run.
 */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender, MemberOptions } from './contenders.ts'
import { getText, put } from './requests.ts'
import { signalGroup, untilExit, type Workspace } from './workspace.ts'

const MEMBERS = 3
/** How long a cluster may take until every member accepts a write, and a member until it ends. Milliseconds. */
const START_MS_MAX = 30_000
const STOP_MS_MAX = 10_000
const POLL_MS = 20

/** One member of a running cluster. */
export interface ClusterMember {
  readonly options: MemberOptions
  readonly clientUrl: string
  readonly pid: number
  /** What the member wrote to standard error so far. */
  errorOutput(): string
}

class MemberProcess implements ClusterMember {
  readonly options: MemberOptions
  readonly #contender: Contender
  readonly #workspace: Workspace
  readonly #nodeArgs: readonly string[]
  readonly #errorFile: string
  #child: ChildProcess

  constructor(
    contender: Contender,
    workspace: Workspace,
    folder: string,
    options: MemberOptions,
    nodeArgs: readonly string[],
  ) {
    this.options = options
    this.#contender = contender
    this.#workspace = workspace
    this.#nodeArgs = nodeArgs
    this.#errorFile = join(folder, `${options.name}.log`)
    this.#child = this.#spawn()
  }

  get clientUrl(): string {
    return this.options.clientUrl
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error(`${this.#contender.label} could not be started`)
    return pid
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  errorOutput(): string {
    return readFileSync(this.#errorFile, 'utf8')
  }

  start(): void {
    this.#child = this.#spawn()
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return
    signalGroup(this.pid, signal)
    const overdue = setTimeout(() => signalGroup(this.pid, 'SIGKILL'), STOP_MS_MAX)
    await untilExit(this.#child)
    clearTimeout(overdue)
  }

  #spawn(): ChildProcess {
    const { file, args } = this.#contender.command(this.options, this.#nodeArgs)
    const child = this.#workspace.spawn(file, args, { output: 'drop', errorFile: this.#errorFile })
    child.on('error', () => undefined)
    return child
  }
}

/** A running cluster of three. */
export class Cluster {
  readonly contender: Contender
  readonly #members: readonly MemberProcess[]

  private constructor(contender: Contender, members: readonly MemberProcess[]) {
    this.contender = contender
    this.#members = members
  }

  /**
   * Starts three members and waits until each has accepted a write.
   *
   * @throws Error with what a member wrote last, when that takes too long or a member ends.
   */
  static async start(contender: Contender, workspace: Workspace, nodeArgs: readonly string[] = []): Promise<Cluster> {
    const folder = workspace.folder('cluster')
    const ports = await freePorts(MEMBERS * 2)
    const url = (at: number) => `http://127.0.0.1:${ports[at]}`
    const names = Array.from({ length: MEMBERS }, (_, at) => `m${at + 1}`)
    const initialCluster = names.map((name, at) => `${name}=${url(MEMBERS + at)}`).join(',')
    const members = names.map((name, at) => {
      const options = {
        name,
        dataDir: join(folder, name),
        clientUrl: url(at),
        peerUrl: url(MEMBERS + at),
        initialCluster,
      }
      return new MemberProcess(contender, workspace, folder, options, nodeArgs)
    })
    const cluster = new Cluster(contender, members)
    try {
      await cluster.untilServing()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  get members(): readonly ClusterMember[] {
    return this.#members
  }

  get pids(): readonly number[] {
    return this.#members.map((member) => member.pid)
  }

  /** The member that calls itself leader in /v2/stats/self. Waits through an election. */
  async leader(): Promise<ClusterMember> {
    const deadline = Date.now() + START_MS_MAX
    while (Date.now() < deadline) {
      const states = await Promise.all(this.#members.map((member) => stateOf(member)))
      const leaders = this.#members.filter((_, at) => states[at] === 'StateLeader')
      const [leader] = leaders
      if (leader !== undefined && leaders.length === 1) return leader
      await sleep(POLL_MS)
    }
    throw new Error(`${this.contender.label} has no leader after ${START_MS_MAX} ms`)
  }

  /** The members other than the leader. */
  async followers(): Promise<readonly ClusterMember[]> {
    const leader = await this.leader()
    return this.#members.filter((member) => member !== leader)
  }

  /** Waits until every member has accepted a write. */
  async untilServing(): Promise<void> {
    const deadline = Date.now() + START_MS_MAX
    for (const member of this.#members) {
      for (;;) {
        const status = await put(`${member.clientUrl}/v2/keys/bench-ready`, 'yes').catch(() => 0)
        if (status === 200 || status === 201) break
        if (!member.isRunning) throw new Error(`${member.options.name} ended: ${member.errorOutput().slice(-2000)}`)
        if (Date.now() > deadline) {
          throw new Error(`${member.options.name} accepts no writes: ${member.errorOutput().slice(-2000)}`)
        }
        await sleep(POLL_MS)
      }
    }
    await this.leader()
  }

  /** Ends one member with a signal and waits until its process is gone. */
  async end(member: ClusterMember, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await this.#process(member).end(signal)
  }

  /** Starts a member that has ended again, with the data it left. Does not wait until it serves. */
  startAgain(member: ClusterMember): void {
    this.#process(member).start()
  }

  /** Kills all members: the data are temporary, and an orderly end would measure nothing. */
  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.end('SIGKILL')))
  }

  #process(member: ClusterMember): MemberProcess {
    const found = this.#members.find((one) => one === member)
    if (found === undefined) throw new Error(`${member.options.name} is no member of this cluster`)
    return found
  }
}

async function stateOf(member: ClusterMember): Promise<string> {
  try {
    const { status, text } = await getText(`${member.clientUrl}/v2/stats/self`)
    return status === 200 ? String(JSON.parse(text).state) : ''
  } catch {
    return ''
  }
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
