/**
 * Snapshots on their way between simulated members.
 *
 * Owns: what the network and crashes do to a stream of chunks, and that its sender hears of the end once, as the transport
 * promises. What is sent and staged, and how, is the product's (replica/snapshots.ts).
 */
import type { InstallSnapshot } from '../../src/raft/message.ts'
import { openOutgoing, stageIncoming } from '../../src/replica/snapshots.ts'
import { StoreError } from '../../src/store/store-error.ts'
import { SimFailure } from './failure.ts'
import type { SimMember } from './member.ts'
import type { SimNetwork } from './network.ts'
import type { Prng } from './prng.ts'
import type { Timeline } from './timeline.ts'

/** How often a snapshot is damaged on its way, or ends early. */
export interface SnapshotOdds {
  readonly damage: number
  readonly cutShort: number
  /** How long each piece takes, milliseconds at most. */
  readonly pieceMsMax: number
}

export const CALM_SNAPSHOTS: SnapshotOdds = { damage: 0, cutShort: 0, pieceMsMax: 1 }

export interface SnapshotCarrierParts {
  readonly timeline: Timeline
  readonly random: Prng
  readonly network: SimNetwork
  readonly resolved: () => void
  /** An assertion of the product failed where nobody else would hear of it. */
  readonly failed: (error: unknown) => void
  readonly note: (line: string) => void
}

/** A transfer without a sign of life ends after so long. */
const IDLE_MS_MAX = 400
const LOOK_MS = 20
/** Chunks are cut smaller than the product's, so that a stream may break in the middle. */
const PIECE_BYTES = 700

interface Transfer {
  readonly from: SimMember
  readonly to: SimMember
  readonly fromLife: number
  readonly toLife: number
  readonly abort: (why: string) => void
  /** Something was done to its bytes. */
  isHarmed: boolean
}

class Broken extends Error {}

export class SnapshotCarrier {
  odds: SnapshotOdds = CALM_SNAPSHOTS
  readonly #parts: SnapshotCarrierParts
  readonly #transfers = new Map<string, Transfer>()
  #installed = 0

  constructor(parts: SnapshotCarrierParts) {
    this.#parts = parts
  }

  /** Snapshots that were taken by the cores that they were offered to. */
  get installedCount(): number {
    return this.#installed
  }

  /** Starts a transfer; another one between the same two is refused. */
  send(from: SimMember, to: SimMember, offer: InstallSnapshot): void {
    const key = `${from.name}>${to.name}`
    const fromLife = from.life
    const report = (ok: boolean): void => {
      if (from.life === fromLife) from.when((replica) => replica.snapshotSent(to.id, ok))
    }
    if (this.#transfers.has(key) || to.life === 0) {
      this.#parts.timeline.in(0.1, () => report(false))
      return
    }
    let abort = (_why: string): void => {}
    const aborted = new Promise<never>((_resolve, reject) => {
      abort = (why) => reject(new Broken(why))
    })
    const transfer: Transfer = { from, to, fromLife, toLife: to.life, abort, isHarmed: false }
    this.#transfers.set(key, transfer)
    void Promise.race([this.#carry(transfer, offer), aborted])
      .catch((error: unknown) => {
        this.#judge(error, transfer)
        return false
      })
      .then((ok) => {
        this.#transfers.delete(key)
        if (ok) this.#installed++
        report(ok)
      })
  }

  /** A process ended: what it sent or received ends too. */
  ended(member: SimMember): void {
    for (const transfer of this.#transfers.values()) {
      if (transfer.from !== member && transfer.to !== member) continue
      this.#parts.timeline.in(this.#parts.random.between(0.1, 20), () => {
        transfer.abort('a process ended')
        this.#parts.resolved()
      })
    }
  }

  async #carry(transfer: Transfer, offer: InstallSnapshot): Promise<boolean> {
    const { from, to } = transfer
    const { network } = this.#parts
    await this.#pass(transfer)
    await new Promise<void>((resolve) => {
      from.when((replica) =>
        replica.requestFlush(() => {
          resolve()
          this.#parts.resolved()
        }),
      )
    })
    const outgoing = await openOutgoing(from.port, offer)
    if (outgoing === undefined) throw new Broken('the term of the offer is over')
    const { offer: message } = outgoing
    await this.#pass(transfer)
    const { replica } = to
    if (replica === undefined) throw new Broken('the receiver is gone')
    const chunks = this.#pieces(transfer, outgoing.chunks)
    const accepted = await this.#stage(to, () =>
      stageIncoming(replica, to.port, to.takeGeneration(), message, chunks, to.storeOptions),
    )
    this.#parts.note(
      `${to.name} ${accepted ? 'took' : 'did not take'} a snapshot at ${message.snapshot.index} of ${from.name}`,
    )
    await this.#sleep(network.delayMs())
    if (network.isCut(to.id, from.id)) await this.#sleep(IDLE_MS_MAX)
    return accepted && !network.isCut(to.id, from.id)
  }

  async #stage(to: SimMember, stage: () => Promise<boolean>): Promise<boolean> {
    const { life } = to
    to.stagingCount++
    try {
      return await stage()
    } finally {
      if (to.life === life) to.stagingCount--
    }
  }

  async *#pieces(transfer: Transfer, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const { random } = this.#parts
    const { damage, cutShort } = this.odds
    const damaged = random.chance(damage)
    const short = random.chance(cutShort)
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        await this.#pass(transfer)
        if (short && random.chance(0.3)) {
          transfer.isHarmed = true
          return
        }
        const piece = Buffer.from(chunk.subarray(at, at + PIECE_BYTES))
        if (damaged && (at === 0 || random.chance(0.3))) {
          transfer.isHarmed = true
          const place = random.below(piece.length)
          piece[place] = (piece[place] ?? 0) ^ (1 << random.below(8))
        }
        yield piece
      }
    }
  }

  /** One piece crosses the network. Waits while an end is paused or the link is cut, though not for ever. */
  async #pass(transfer: Transfer): Promise<void> {
    const { from, to } = transfer
    const { network, random } = this.#parts
    await this.#sleep(random.between(0.1, this.odds.pieceMsMax))
    for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
      if (from.life !== transfer.fromLife || to.life !== transfer.toLife) throw new Broken('a process ended')
      const isStuck = from.isPaused || to.isPaused || network.isCut(from.id, to.id) || network.isCut(to.id, from.id)
      if (!isStuck) return
      if (waitedMs >= IDLE_MS_MAX) throw new Broken('nothing came for too long')
      await this.#sleep(LOOK_MS)
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.timeline.in(ms, () => {
        resolve()
        this.#parts.resolved()
      })
    })
  }

  /** A stream may break; an assertion that fails while it is read may not. */
  #judge(error: unknown, transfer: Transfer): void {
    const inner = error instanceof StoreError ? error.cause : error
    if (error instanceof Broken || inner instanceof Broken) return
    const isBroken = error instanceof StoreError && error.code === 'MUSTER_SNAPSHOT_BROKEN'
    if (isBroken && transfer.isHarmed) return
    this.#parts.failed(new SimFailure('crash', `a snapshot could not be taken in: ${String(error)}`, { cause: inner }))
  }
}
