/**
 * A three-member cluster behind wires that can be cut, processes that contend, a ledger, and one fault after the other.
 *
 * Owns: starting all that for one test, drawing faults by a seed, healing. Asserts nothing.
 */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { type Child, NODE, ROOT } from './child.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { FenceLedger } from './fence-ledger.ts'
import type { MemberProcess } from './member-process.ts'
import { startChild } from './scratch.ts'
import { TcpProxy } from './tcp-proxy.ts'

const PROGRAM = join(ROOT, 'tests/support/fence-contender.ts')

export type Fault =
  | 'kill leader'
  | 'kill follower'
  | 'pause member'
  | 'cut'
  | 'stall'
  | 'isolate'
  | 'pause contender'
  | 'kill contender'

export interface RigOptions {
  readonly mode: 'lock' | 'election'
  readonly processes: number
  /** In each process, for each resource. */
  readonly contenders: number
  readonly resources: number
  /** Seconds. */
  readonly ttl: number
}

export class FenceRig {
  readonly ledger: FenceLedger
  readonly cluster: Cluster
  readonly contenders: Child[] = []
  /** How often each fault was done. */
  readonly done = new Map<Fault, number>()
  /** To each member, for each process. */
  readonly #wires: readonly (readonly TcpProxy[])[]
  readonly #options: RigOptions

  constructor(ledger: FenceLedger, cluster: Cluster, wires: readonly (readonly TcpProxy[])[], options: RigOptions) {
    this.ledger = ledger
    this.cluster = cluster
    this.#wires = wires
    this.#options = options
    for (let n = 0; n < options.processes; n += 1) this.contenders.push(this.#spawn(n))
  }

  /** Does faults until `isEnough`, by numbers of `random` in [0, 1), with rests in between; then all is whole again. */
  async torment(
    faults: readonly Fault[],
    restMs: number,
    random: () => number,
    isEnough: () => boolean,
  ): Promise<void> {
    while (!isEnough()) {
      const fault = faults[Math.floor(random() * faults.length)] as Fault
      await this.#do(fault, random)
      this.done.set(fault, (this.done.get(fault) ?? 0) + 1)
      await until(isEnough, restMs * (0.5 + random()))
    }
  }

  /** Cuts a contender off from all members, while it goes on to run, until `resume` is called. */
  isolate(contender: Child): { resume(): void } {
    const wires = this.#wires[this.contenders.indexOf(contender)] ?? []
    for (const wire of wires) wire.stall()
    return {
      resume: () => {
        for (const wire of wires) wire.resume()
      },
    }
  }

  async #do(fault: Fault, random: () => number): Promise<void> {
    const { members } = this.cluster
    const wires = this.#wires[Math.floor(random() * this.#wires.length)] ?? []
    const wire = wires[Math.floor(random() * wires.length)] as TcpProxy
    const ttlMs = this.#options.ttl * 1000
    if (fault === 'kill leader') return revive(await this.cluster.leader())
    if (fault === 'kill follower') return revive((await this.cluster.followers())[0] as MemberProcess)
    if (fault === 'pause member') {
      return paused((members[Math.floor(random() * members.length)] as MemberProcess).child, 500 + 1_000 * random())
    }
    if (fault === 'cut') return wire.cut()
    if (fault === 'stall') return stalled([wire], ttlMs * random())
    if (fault === 'isolate') return stalled(wires, ttlMs * (0.5 + 1.2 * random()))
    const at = Math.floor(random() * this.contenders.length)
    const contender = this.contenders[at] as Child
    if (fault === 'pause contender') return paused(contender, ttlMs * 2 * random())
    await contender.end()
    this.contenders[at] = this.#spawn(at)
  }

  #spawn(at: number): Child {
    const { mode, contenders, resources, ttl } = this.#options
    const endpoints = (this.#wires[at] ?? []).map((wire) => wire.url).join()
    return startChild(NODE, [
      ...[PROGRAM, mode, endpoints, `${this.ledger.port}`],
      ...[ttl, contenders, resources].map(String),
    ])
  }
}

/** Everything, until the running test is over. */
export async function startFenceRig(options: RigOptions): Promise<FenceRig> {
  const cluster = await startCluster()
  const wires: TcpProxy[][] = []
  for (let n = 0; n < options.processes; n += 1) {
    wires.push(await Promise.all(cluster.members.map(({ spec }) => new TcpProxy(() => spec.clientPort).listen())))
  }
  const ledger = await new FenceLedger().listen()
  onTestFinished(async () => {
    await Promise.all(wires.flat().map((wire) => wire.close()))
    await ledger.close()
  })
  return new FenceRig(ledger, cluster, wires, options)
}

/** Numbers in [0, 1) that follow from the seed. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

async function revive(member: MemberProcess): Promise<void> {
  await member.kill()
  await member.start()
}

async function stalled(wires: readonly TcpProxy[], ms: number): Promise<void> {
  for (const wire of wires) wire.stall()
  await wait(ms)
  for (const wire of wires) wire.resume()
}

async function paused(child: Child, ms: number): Promise<void> {
  child.kill('SIGSTOP')
  try {
    await wait(ms)
  } finally {
    child.kill('SIGCONT')
  }
}

/** Waits so long, or until it is enough. */
async function until(isEnough: () => boolean, ms: number): Promise<void> {
  const endMs = performance.now() + ms
  while (!isEnough() && performance.now() < endMs) await wait(10)
}
