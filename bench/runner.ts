/**
 * The order of things: rounds, and within a round every job for one contender and then for the other, the first turn
 * changing from round to round. Owns the clusters that jobs share; keeps what was measured.
 */
import { Cluster } from './cluster.ts'
import type { Contender } from './contenders.ts'
import type { BenchOptions } from './options.ts'
import type { Effort, Job, Sample } from './row.ts'
import type { Samples } from './table.ts'
import type { Workspace } from './workspace.ts'

/** Runs jobs and collects their samples. */
export class Runner {
  readonly #workspace: Workspace
  readonly #contenders: readonly Contender[]
  readonly #options: BenchOptions
  readonly #say: (line: string) => void
  /** Clusters that jobs share within a round, by the contender's place. */
  readonly #shared = new Map<number, Cluster>()
  /** By contender, then by round. */
  readonly #samples: Sample[][][]

  constructor(
    workspace: Workspace,
    contenders: readonly Contender[],
    options: BenchOptions,
    say: (line: string) => void,
  ) {
    this.#workspace = workspace
    this.#contenders = contenders
    this.#options = options
    this.#say = say
    this.#samples = contenders.map(() => Array.from({ length: options.rounds }, () => []))
  }

  /** Runs all wanted jobs in all rounds. A job that fails becomes a sample with an error and no numbers. */
  async run(jobs: readonly Job[]): Promise<void> {
    const wanted = jobs.filter((job) => job.rows.some((row) => this.#options.wanted.has(row.name)))
    for (let round = 0; round < this.#options.rounds; round++) {
      for (const job of wanted) {
        const order = this.#contenders.map((_, at) => at)
        if (round % 2 === 1) order.reverse()
        for (const at of order) await this.#runJob(job, at, round)
        const isLastShared = wanted.findLast((one) => !one.ownCluster) === job
        if (isLastShared) await this.#stopShared()
      }
    }
  }

  /** What was measured of a row: an element a contender. */
  samplesOf(row: string): readonly Samples[] {
    return this.#samples.map((rounds) => rounds.map((samples) => samples.find((sample) => sample.row === row)))
  }

  async #runJob(job: Job, at: number, round: number): Promise<void> {
    const { label } = this.#contender(at)
    try {
      const cluster = job.ownCluster ? await this.#start(at) : await this.#sharedCluster(at)
      const { effort, wanted } = this.#options
      try {
        const samples = await job.run({ cluster, workspace: this.#workspace, effort, wanted })
        for (const sample of samples) this.#note(at, round, sample)
      } finally {
        if (job.ownCluster) await cluster.stop()
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      for (const row of job.rows) this.#note(at, round, { row: row.name, values: {}, errors: [`${label}: ${text}`] })
      await this.#shared.get(at)?.stop()
      this.#shared.delete(at)
    }
  }

  #note(at: number, round: number, sample: Sample): void {
    this.#samples[at]?.[round]?.push(sample)
    const numbers = Object.entries(sample.values).map(([id, value]) => `${id} ${value.toFixed(value < 100 ? 2 : 0)}`)
    const errors = sample.errors.map((error) => ` ERROR ${error}`).join('')
    this.#say(`round ${round + 1} ${sample.row} ${this.#contender(at).label}: ${numbers.join(', ')}${errors}`)
  }

  async #sharedCluster(at: number): Promise<Cluster> {
    const running = this.#shared.get(at)
    if (running !== undefined) return running
    const cluster = await this.#start(at)
    this.#shared.set(at, cluster)
    return cluster
  }

  async #stopShared(): Promise<void> {
    await Promise.all([...this.#shared.values()].map((cluster) => cluster.stop()))
    this.#shared.clear()
  }

  #start(at: number): Promise<Cluster> {
    return Cluster.start(this.#contender(at), this.#workspace)
  }

  #contender(at: number): Contender {
    const found = this.#contenders[at]
    if (found === undefined) throw new Error(`there is no contender ${at}`)
    return found
  }
}

/** How much was done, for the head of the table. */
export function effortText(effort: Effort, rounds: number): string {
  const { seconds, warmUpSeconds, bulkKeys, watchers } = effort
  return `${rounds} rounds, ${seconds} s each after ${warmUpSeconds} s of warm-up; ${bulkKeys} keys, ${watchers} watchers`
}
