/**
 * A small cluster under faults: messages are dropped, doubled and reordered, members are cut off, crash, and lose what was
 * not written.
 *
 * Owns: the faults, and what must hold after each step (Raft paper, figure 3). Leaves to others: the schedule of steps. The
 * checks throw; the simulator of whole replicas (`tests/sim/`) is another thing.
 */
import type { Message } from '../../src/raft/message.ts'
import type { Ready } from '../../src/raft/ready.ts'
import type { Entry, Index, MemberId, MembershipChange } from '../../src/raft/types.ts'
import { EntryKind, memberId } from '../../src/raft/types.ts'
import { CONFIG, membership } from './builders.ts'
import { encodeChange, Member } from './member.ts'

/** One step: what is done, to whom, and how. The numbers are read modulo what exists at that time. */
export interface Step {
  readonly act: Act
  readonly who: number
  readonly how: number
}

export const ACTS = [
  'tick',
  'take',
  'write',
  'deliver',
  'double',
  'drop',
  'flow',
  'propose',
  'crash',
  'restart',
  'read',
  'transfer',
  'gone',
  'unreachable',
  'compact',
  'change',
  'clock',
  'cut',
  'heal',
] as const
export type Act = (typeof ACTS)[number]

const FLOW_ROUNDS = 4
const CALM_ROUNDS_MAX = 400

export class World {
  readonly #ids: readonly MemberId[]
  readonly #members: readonly Member[]
  #network: Message[] = []
  /** Members that nobody outside the set can reach, nor they anybody outside it. */
  #cutOff: ReadonlySet<MemberId> = new Set()
  #seq = 0
  #random: number
  /** Who led in which term. */
  readonly #leaders = new Map<number, MemberId>()
  /** Every entry that any disk was asked to hold, with the term before it, by index and term. */
  readonly #written = new Map<string, string>()
  /** What was applied at each index, by whomever came first. */
  readonly #applied: Entry[] = []
  readonly #appliedBy = new Map<MemberId, Index>()
  /** Reads under way: the highest index that anybody had applied when they were asked. */
  readonly #reads = new Map<number, Index>()

  constructor(voters: string, spares: string, seed: number) {
    this.#random = seed
    this.#ids = [...voters, ...spares].map(memberId)
    this.#members = this.#ids.map((id) => {
      const config = {
        ...CONFIG,
        id,
        inflightCountMax: 3,
        appendBytesMax: 200,
        appliedBytesMax: 300,
        random: this.#draw,
      }
      const member = new Member(config, membership(voters))
      member.onApply = (entry) => this.#checkApplied(id, entry)
      return member
    })
  }

  /** The highest index that anybody has applied. */
  get appliedIndex(): Index {
    return this.#applied.length
  }

  /** How many members are behind a compacted log, have crashed, and so on, is up to the schedule; here it takes one step. */
  run(step: Step): void {
    const member = this.#members[step.who % this.#members.length] as Member
    const id = this.#ids[step.who % this.#ids.length] as MemberId
    const other = this.#ids[step.how % this.#ids.length] as MemberId
    if (!member.alive && step.act !== 'restart') return
    switch (step.act) {
      case 'tick':
        for (let i = 0; i <= step.how % 12; i++) member.core.tick()
        break
      case 'take':
        this.#take(id, member)
        break
      case 'write':
        this.#network.push(...member.write())
        break
      case 'deliver':
      case 'double':
      case 'drop':
        this.#handle(step.act, step.how)
        break
      case 'flow':
        for (let i = 0; i < FLOW_ROUNDS; i++) this.#flow()
        break
      case 'propose':
        this.#seq += 1
        member.core.propose([{ ...proposalOf(id, this.#seq), data: new Uint8Array(step.how % 50) }])
        break
      case 'crash':
        member.crash()
        break
      case 'restart':
        if (!member.alive) {
          member.restart()
          this.#appliedBy.set(id, member.core.status().appliedIndex)
        }
        break
      case 'read':
        this.#seq += 1
        this.#reads.set(this.#seq, this.#applied.length)
        member.core.read(this.#seq)
        break
      case 'transfer':
        member.core.transferLeadership(other)
        break
      case 'gone':
        member.core.reportGone(other)
        break
      case 'unreachable':
        member.core.reportUnreachable(other)
        break
      case 'compact':
        if (!member.writing) member.compact(Math.max(0, member.core.status().appliedIndex - (step.how % 3)))
        break
      case 'change':
        this.#change(id, member, step.how)
        break
      case 'clock':
        member.core.advanceClock(step.how * 1.5)
        break
      case 'cut':
        this.#cutOff = new Set(this.#ids.filter((_id, i) => ((step.how >> i) & 1) === 1))
        break
      case 'heal':
        this.#cutOff = new Set()
        break
    }
    this.#checkLeaders()
  }

  /** Ends all faults, and goes on until one new entry is applied by every voter. Throws when that takes too long. */
  calm(): void {
    this.#cutOff = new Set()
    for (const [i, member] of this.#members.entries()) {
      if (!member.alive) this.run({ act: 'restart', who: i, how: 0 })
    }
    const target = this.#applied.length + 1
    for (let round = 0; round < CALM_ROUNDS_MAX; round++) {
      for (const [i, member] of this.#members.entries()) {
        member.core.tick()
        this.run({ act: 'propose', who: i, how: 1 })
      }
      for (let i = 0; i < FLOW_ROUNDS; i++) this.#flow()
      this.#checkLeaders()
      const leader = this.#members.find((member) => member.core.status().role === 'leader')
      const voters = leader?.core.status().membership.voters ?? []
      const done = voters.every((voter) => (this.#appliedBy.get(voter) ?? 0) >= target)
      if (voters.length > 0 && done) return
    }
    throw new Error(`no progress: ${JSON.stringify(this.#members.map((member) => member.core.status()))}`)
  }

  #take(id: MemberId, member: Member): void {
    if (member.writing) return
    const wasApplied = this.#applied.length
    const ready = member.take()
    if (ready === undefined) return
    this.#checkWritten(member, ready)
    if (ready.snapshot !== undefined) this.#appliedBy.set(id, ready.snapshot.index)
    for (const read of ready.reads) {
      const index = this.#reads.get(read.context)
      must(index !== undefined && read.index >= index, `read ${read.context} at ${read.index}, asked after ${index}`)
    }
    must(ready.committed.length === 0 || this.#applied.length >= wasApplied, 'what is applied stays applied')
    this.#network.push(...ready.messages)
  }

  #handle(act: 'deliver' | 'double' | 'drop', how: number): void {
    if (this.#network.length === 0) return
    const at = how % this.#network.length
    const message = this.#network[at] as Message
    if (act !== 'double') this.#network.splice(at, 1)
    if (act === 'drop') this.#reportSnapshot(message, false)
    else this.#deliver(message)
  }

  /** Everybody takes a turn, then everything under way arrives, in order. */
  #flow(): void {
    for (const [i, member] of this.#members.entries()) {
      if (!member.alive) continue
      this.#network.push(...member.write())
      this.#take(this.#ids[i] as MemberId, member)
      this.#network.push(...member.write())
    }
    const messages = this.#network
    this.#network = []
    for (const message of messages) this.#deliver(message)
  }

  #deliver(message: Message): void {
    const target = this.#members[this.#ids.indexOf(message.to)]
    const reached = this.#cutOff.has(message.from) === this.#cutOff.has(message.to)
    const arrives = target?.alive === true && reached
    if (arrives) target.core.step(message)
    this.#reportSnapshot(message, arrives)
  }

  #reportSnapshot(message: Message, ok: boolean): void {
    const sender = this.#members[this.#ids.indexOf(message.from)]
    if (message.kind === 'installSnapshot' && sender?.alive) sender.core.reportSnapshot(message.to, ok)
  }

  #change(id: MemberId, member: Member, how: number): void {
    const kind = (['addLearner', 'addVoter', 'demote', 'remove'] as const)[how % 4] ?? 'remove'
    const target = this.#ids[Math.floor(how / 4) % this.#ids.length] as MemberId
    const change: MembershipChange = { kind, id: target }
    this.#seq += 1
    member.core.propose([{ ...proposalOf(id, this.#seq), kind: EntryKind.membership, data: encodeChange(change) }])
  }

  /** Election safety: at most one leader in a term. Leader completeness: a new one has everything that was committed. */
  #checkLeaders(): void {
    for (const [i, member] of this.#members.entries()) {
      if (!member.alive) continue
      const { role, term, firstIndex, lastIndex } = member.core.status()
      if (role !== 'leader') continue
      const id = this.#ids[i] as MemberId
      const known = this.#leaders.get(term)
      must(known === undefined || known === id, `${known} and ${id} both lead term ${term}`)
      if (known !== undefined) continue
      this.#leaders.set(term, id)
      const committed = this.#applied.filter((entry) => entry.term < term)
      must(committed.length <= lastIndex, `the leader of term ${term} lacks committed entries`)
      for (const entry of member.diskEntries) {
        const applied = this.#applied[entry.index - 1]
        if (applied === undefined || applied.term >= term || entry.index < firstIndex) continue
        must(applied.term === entry.term, `the leader of term ${term} has another entry at ${entry.index}`)
      }
    }
  }

  /** Log matching: the same index and term means the same entry, after the same entry. */
  #checkWritten(member: Member, ready: Ready): void {
    const first = ready.entries[0]
    if (first === undefined) return
    const before = ready.snapshot ?? member.diskEntries.find((entry) => entry.index === first.index - 1)
    let prevTerm = before?.term
    for (const entry of ready.entries) {
      const key = `${entry.index}/${entry.term}`
      const known = this.#written.get(key)
      const text = render(entry)
      must(known === undefined || known === text, `two entries at ${key}`)
      this.#written.set(key, text)
      must(prevTerm === undefined || prevTerm <= entry.term, `terms decrease at ${key}`)
      if (prevTerm !== undefined) {
        const link = `after ${key}`
        const knownLink = this.#written.get(link)
        must(knownLink === undefined || knownLink === String(prevTerm), `different entries before ${key}`)
        this.#written.set(link, String(prevTerm))
      }
      prevTerm = entry.term
    }
  }

  /** State machine safety: nobody applies another entry at the same index, and nobody leaves one out. */
  #checkApplied(id: MemberId, entry: Entry): void {
    const last = this.#appliedBy.get(id) ?? 0
    must(entry.index === last + 1, `${id} applies ${entry.index} after ${last}`)
    this.#appliedBy.set(id, entry.index)
    const known = this.#applied[entry.index - 1]
    if (known === undefined) {
      must(entry.index === this.#applied.length + 1, `${entry.index} is applied before the one before it`)
      must(entry.stampMs >= (this.#applied[entry.index - 2]?.stampMs ?? 0), `the clock goes back at ${entry.index}`)
      this.#applied.push(entry)
    } else {
      must(render(known) === render(entry), `${id} applies another entry at ${entry.index}`)
    }
  }

  /** A small generator of our own: the schedule decides the seed, and everything follows from it. */
  readonly #draw = (): number => {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0
    return this.#random / 2 ** 32
  }
}

function proposalOf(origin: MemberId, seq: number) {
  return { kind: EntryKind.command, origin, seq, data: new Uint8Array(0), checksum: 0 } as const
}

function render(entry: Entry): string {
  return `${entry.index}/${entry.term} ${entry.kind} ${entry.origin}#${entry.seq} @${entry.stampMs}`
}

function must(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}
