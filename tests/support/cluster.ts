/**
 * Members as real processes that form one cluster, and questions to all of them.
 *
 * Owns: starting them together, finding the leader, waiting until they agree, ending them. Asserts nothing.
 */
import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, onTestFailed, onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'
import { KeysClient } from './keys-client.ts'
import { MemberProcess, planMembers } from './member-process.ts'
import { makeScratchDir, scratchDir } from './scratch.ts'

const NAMES = ['m1', 'm2', 'm3']
/** Lines of each member's output that a failed test shows. */
const REPORT_LINES = 60

/** What `/muster/v1/status?digest=true` says of a member's tree. */
export interface Digest {
  readonly storeIndex: number
  readonly digest: string
}

export interface ClusterOptions {
  readonly members?: number
  readonly args?: readonly string[]
  /** Words for Node.js itself, of each member. */
  readonly nodeArgs?: readonly string[]
}

export class Cluster {
  readonly members: readonly MemberProcess[]
  readonly client = new KeysClient()
  readonly folder: string

  constructor(members: readonly MemberProcess[], folder: string) {
    this.members = members
    this.folder = folder
  }

  /** Client URLs of all members, running or not. */
  get urls(): readonly string[] {
    return this.members.map((member) => member.url)
  }

  get running(): readonly MemberProcess[] {
    return this.members.filter((member) => member.running)
  }

  /** Starts those that do not run, at once, and waits until each serves. */
  async start(): Promise<void> {
    const idle = this.members.filter((member) => !member.running)
    for (const member of idle) member.spawn()
    await Promise.all(idle.map((member) => member.untilReady()))
  }

  /** The running member that leads and that all running members follow. */
  leader(msMax = 30_000): Promise<MemberProcess> {
    return eventually(
      'one leader that all running members know',
      async () => {
        const { running } = this
        const stats = await Promise.all(running.map((member) => this.#self(member)))
        const leading = running.filter((_, at) => stats[at]?.state === 'StateLeader')
        const ids = new Set(stats.map((self) => self.leader))
        return leading.length === 1 && ids.size === 1 && !ids.has('') && leading[0]
      },
      msMax,
    )
  }

  /** The running members that do not lead. */
  async followers(): Promise<readonly MemberProcess[]> {
    const leader = await this.leader()
    return this.running.filter((member) => member !== leader)
  }

  /** Waits until all running members stand at the same store index with the same tree. Call when nobody writes. */
  untilEqual(msMax = 30_000): Promise<Digest> {
    return eventually(
      'equal indexes and digests on all running members',
      async () => {
        const digests = await Promise.all(this.running.map((member) => this.digest(member)))
        const [first] = digests
        return digests.every((each) => each.storeIndex === first?.storeIndex && each.digest === first.digest) && first
      },
      msMax,
    )
  }

  /** A member's own digest of its tree, and the store index to which it belongs. */
  async digest(member: MemberProcess): Promise<Digest> {
    return (await this.client.json(member.url, '/muster/v1/status?digest=true')) as Digest
  }

  async end(): Promise<void> {
    await this.client.close()
    await Promise.all(this.running.map((member) => member.kill()))
  }

  /** Prints the last that each member said. */
  report(): void {
    for (const { name, output } of this.members) {
      console.error(`--- the last that ${name} said:\n${output.split('\n').slice(-REPORT_LINES).join('\n')}`)
    }
  }

  async #self(member: MemberProcess): Promise<{ readonly state: string; readonly leader: string }> {
    const self = (await this.client.json(member.url, '/v2/stats/self')) as {
      readonly state: string
      readonly leaderInfo: { readonly leader: string }
    }
    return { state: self.state, leader: self.leaderInfo.leader }
  }
}

/** A cluster that serves, for the running test alone. A failed test shows what the members said. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await planCluster(await scratchDir(), options)
  onTestFinished(() => cluster.end())
  onTestFailed(() => cluster.report())
  await cluster.start()
  await cluster.leader()
  return cluster
}

/** One cluster for all tests of a file, which leave it whole: starting one costs seconds. Call where tests are defined. */
export function clusterOfFile(options: ClusterOptions = {}): () => Cluster {
  let cluster: Cluster | undefined
  beforeAll(async () => {
    cluster = await planCluster(await makeScratchDir(), options)
    await cluster.start()
    await cluster.leader()
  })
  beforeEach(() => onTestFailed(() => cluster?.report()))
  afterAll(async () => {
    await cluster?.end()
    await rm(cluster?.folder ?? '', { recursive: true, force: true })
  })
  return () => {
    if (cluster === undefined) throw new Error('the cluster is started before the first test')
    return cluster
  }
}

async function planCluster(folder: string, options: ClusterOptions): Promise<Cluster> {
  const specs = await planMembers(NAMES.slice(0, options.members ?? NAMES.length), folder, options.args)
  return new Cluster(
    specs.map((spec) => new MemberProcess({ ...spec, nodeArgs: options.nodeArgs ?? [] })),
    folder,
  )
}
