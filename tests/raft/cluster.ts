/**
 * The world of the raft scripts: members on fake disks, one ordered network, commands as text.
 *
 * Owns: what each command does and prints. Leaves to others: the file format (`tests/support/script.ts`).
 *
 * Commands, one a line:
 *
 *     cluster 123 [learners=4] [spare=5] [name=number …]   start anew; spares are no members yet; numbers are settings,
 *                                                          and `random=number` is what the source of randomness says
 *     campaign 1 · tick 1 20 · stepdown 1 · clock 1 250
 *     propose 1 text … · change 1 addVoter 4 · read 1 7 · transfer 1 3
 *     gone 1 2 · unreachable 1 2                           member 1 is told something about member 2
 *     cut 1 2 · cut 1 · heal                               lose what is sent between two, or between one and all
 *     crash 1 · restart 1 · compact 1 10
 *     turn 1                                               one turn of one member; its messages wait
 *     deliver [1 2]                                        hand over what waits, or only that from 1 to 2
 *     drop                                                 lose what waits
 *     settle [quiet]                                       turns and deliveries until nothing happens
 *     status [1] · log 1 · holds 1
 */
import type { RaftConfig } from '../../src/raft/config.ts'
import {
  describeEntry,
  describeMembership,
  describeMessage,
  describeReady,
  describeStatus,
} from '../../src/raft/describe.ts'
import type { Message } from '../../src/raft/message.ts'
import type { MembershipChange, Proposal } from '../../src/raft/types.ts'
import { EntryKind, memberId } from '../../src/raft/types.ts'
import { CONFIG, membership } from './builders.ts'
import { encodeChange, Member } from './member.ts'

const ROUNDS_MAX = 1000

export class Cluster {
  readonly #members = new Map<string, Member>()
  #network: Message[] = []
  readonly #cuts = new Set<string>()
  #seq = 0
  #lines: string[] = []
  #loud = true

  readonly #commands: Record<string, (first: string, second: string, words: readonly string[]) => void> = {
    cluster: (_first, _second, words) => this.#build(words),
    campaign: (id) => this.#core(id).campaign(),
    tick: (id, count) => {
      for (let i = 0; i < Number(count || 1); i++) this.#core(id).tick()
    },
    clock: (id, elapsedMs) => this.#core(id).advanceClock(Number(elapsedMs)),
    stepdown: (id) => this.#core(id).stepDown(),
    propose: (id, _text, words) => {
      this.#propose(id, EntryKind.command, new TextEncoder().encode(words.slice(1).join(' ')))
    },
    change: (id, kind, words) => {
      const change = { kind, id: memberId(words[2] ?? '') } as MembershipChange
      this.#propose(id, EntryKind.membership, encodeChange(change))
    },
    read: (id, context) => this.#core(id).read(Number(context)),
    transfer: (id, to) => this.#say(`${id} hands over to ${to}: ${this.#core(id).transferLeadership(memberId(to))}`),
    gone: (id, other) => this.#core(id).reportGone(memberId(other)),
    unreachable: (id, other) => this.#core(id).reportUnreachable(memberId(other)),
    cut: (one, other) => this.#cut(one, other),
    heal: () => this.#cuts.clear(),
    crash: (id) => this.#member(id).crash(),
    restart: (id) => {
      this.#member(id).restart()
      this.#say(describeStatus(this.#core(id).status()))
    },
    compact: (id, index) => this.#member(id).compact(Number(index)),
    turn: (id) => {
      if (!this.#turn(id)) this.#say(`${id} has nothing to do`)
    },
    deliver: (from, to) => this.#deliver((message) => from === '' || (message.from === from && message.to === to)),
    drop: () => {
      for (const message of this.#network) this.#say(`lost ${describeMessage(message)}`)
      this.#network = []
    },
    settle: (quiet) => this.#settle(quiet !== 'quiet'),
    status: (only) => {
      for (const id of only === '' ? this.#members.keys() : [only]) {
        this.#say(this.#member(id).alive ? describeStatus(this.#core(id).status()) : `${id} is down`)
      }
    },
    log: (id) => {
      for (const entry of this.#member(id).diskEntries) this.#say(describeEntry(entry))
    },
    holds: (id) => this.#say(describeMembership(this.#core(id).status().membership)),
  }

  /** Runs the lines of one block and returns what they printed. */
  run(commands: readonly string[]): string {
    this.#lines = []
    for (const command of commands) {
      const [name = '', ...words] = command.trim().split(/\s+/)
      const act = this.#commands[name]
      if (act === undefined) throw new Error(`no such command as "${name}"`)
      act(words[0] ?? '', words[1] ?? '', words)
    }
    return this.#lines.join('\n')
  }

  #build(words: readonly string[]): void {
    this.#members.clear()
    this.#network = []
    this.#cuts.clear()
    const [voters = '', ...options] = words
    const settings = new Map(options.map((option) => option.split('=') as [string, string]))
    const learners = settings.get('learners') ?? ''
    const spare = settings.get('spare') ?? ''
    const founded = Number(settings.get('founded') ?? 0)
    const named = ['learners', 'spare', 'founded']
    const numbers = [...settings].filter(([name]) => !named.includes(name))
    const config = Object.fromEntries(numbers.map(([name, value]) => [name, Number(value)]))
    const random = Number(settings.get('random') ?? 0)
    for (const id of voters + learners + spare) {
      const own: RaftConfig = { ...CONFIG, ...config, id: memberId(id), random: () => random }
      this.#members.set(id, new Member(own, membership(voters, learners), spare.includes(id) ? 0 : founded))
    }
  }

  #propose(id: string, kind: EntryKind, data: Uint8Array): void {
    this.#seq += 1
    const proposal: Proposal = { kind, origin: memberId(id), seq: this.#seq, data, checksum: 0 }
    const answer = this.#core(id).propose([proposal])
    if (answer !== 'accepted') this.#say(`${id} refuses: ${answer}`)
  }

  #cut(one: string, other: string): void {
    for (const id of other === '' ? this.#members.keys() : [other]) {
      this.#cuts.add(`${one} ${id}`)
      this.#cuts.add(`${id} ${one}`)
    }
  }

  #turn(id: string): boolean {
    const member = this.#member(id)
    const ready = member.alive ? member.take() : undefined
    if (ready === undefined) return false
    const text = describeReady(ready)
    if (text !== 'nothing') this.#say(`${id} ${text}`)
    this.#network.push(...ready.messages, ...member.write())
    return true
  }

  #deliver(chosen: (message: Message) => boolean): void {
    const messages = this.#network.filter(chosen)
    this.#network = this.#network.filter((message) => !chosen(message))
    for (const message of messages) {
      const target = this.#members.get(message.to)
      const arrives = target?.alive === true && !this.#cuts.has(`${message.from} ${message.to}`)
      this.#say(`${arrives ? '' : 'lost '}${describeMessage(message)}`)
      if (arrives) target.core.step(message)
      if (message.kind === 'installSnapshot') this.#core(message.from).reportSnapshot(message.to, arrives)
    }
  }

  #settle(loud: boolean): void {
    this.#loud = loud
    for (let round = 0; round < ROUNDS_MAX; round++) {
      let busy = this.#network.length > 0
      this.#deliver(() => true)
      for (const id of this.#members.keys()) busy = this.#turn(id) || busy
      if (!busy) {
        this.#loud = true
        return
      }
    }
    this.#loud = true
    throw new Error('the cluster never rests')
  }

  #say(line: string): void {
    if (this.#loud) this.#lines.push(line)
  }

  #member(id: string): Member {
    const member = this.#members.get(id)
    if (member === undefined) throw new Error(`no such member as "${id}"`)
    return member
  }

  #core(id: string): Member['core'] {
    return this.#member(id).core
  }
}
