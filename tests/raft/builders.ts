/**
 * Short ways to write down cores, entries, messages and whole batches.
 *
 * Owns: defaults that most tests do not care about. Leaves to others: every expectation.
 */
import type { RaftConfig } from '../../src/raft/config.ts'
import { RAFT_DEFAULTS } from '../../src/raft/config.ts'
import { makeMembership } from '../../src/raft/membership.ts'
import type { Message } from '../../src/raft/message.ts'
import { Raft } from '../../src/raft/raft.ts'
import type { Ready } from '../../src/raft/ready.ts'
import type { Entry, Index, Membership, Proposal, Term } from '../../src/raft/types.ts'
import { EntryKind, memberId } from '../../src/raft/types.ts'

/** Small numbers, so that a test may count ticks. Without randomness every wait is its shortest. */
export const CONFIG: RaftConfig = {
  ...RAFT_DEFAULTS,
  id: memberId('1'),
  electionTicks: 10,
  heartbeatTicks: 2,
  goneTicksMax: 3,
  random: () => 0,
}

export interface RaftOptions {
  /** Ids without separators, as in `'123'`. */
  readonly voters?: string
  readonly learners?: string
  readonly config?: Partial<RaftConfig>
  readonly term?: Term
  readonly vote?: string
  /** The terms of the entries in the log, from index 1, or after `snapshot`. */
  readonly log?: readonly Term[]
  readonly commitIndex?: Index
  readonly appliedIndex?: Index
  readonly isLeaving?: boolean
  readonly snapshot?: { readonly index: Index; readonly term: Term; readonly stampMs?: number }
}

export function membership(voters: string, learners = ''): Membership {
  return makeMembership([...voters].map(memberId), [...learners].map(memberId))
}

/** A core of member 1 of three, unless told otherwise. */
export function makeRaft(options: RaftOptions = {}): Raft {
  const { index, term, stampMs = 0 } = options.snapshot ?? { index: 0, term: 0 }
  const entries = (options.log ?? []).map((entryTerm, i) => makeEntry(index + 1 + i, entryTerm, { stampMs }))
  const lastTerm = entries[entries.length - 1]?.term ?? term
  const commitIndex = options.commitIndex ?? index
  return new Raft(
    { ...CONFIG, ...options.config },
    {
      hardState: {
        term: options.term ?? lastTerm,
        vote: options.vote === undefined ? undefined : memberId(options.vote),
        commitIndex,
      },
      snapshot: { index, term, stampMs, membership: membership(options.voters ?? '123', options.learners) },
      entries,
      appliedIndex: options.appliedIndex ?? commitIndex,
      isLeaving: options.isLeaving ?? false,
    },
  )
}

/** A leader of the term after `options.term`, elected by all; its first entry is on its own disk only. */
export function makeLeader(options: RaftOptions = {}): Raft {
  const raft = makeRaft(options)
  const { id, membership, term } = raft.status()
  const others = membership.voters.filter((voter) => voter !== id)
  raft.campaign()
  turn(raft)
  for (const from of others) raft.step({ kind: 'preVoteReply', from, to: id, term: term + 1, granted: true })
  if (others.length > 0) turn(raft)
  for (const from of others) raft.step({ kind: 'voteReply', from, to: id, term: term + 1, granted: true })
  turn(raft)
  return raft
}

/** A leader whose followers all hold its whole log, committed and applied. */
export function makeSettledLeader(options: RaftOptions = {}): Raft {
  const raft = makeLeader(options)
  acknowledgeAll(raft)
  turns(raft)
  return raft
}

/** Every follower has our whole log on disk. */
export function acknowledgeAll(raft: Raft): void {
  const { progress, id, lastIndex, term } = raft.status()
  for (const follower of progress) {
    raft.step(appendReply(follower.id, lastIndex, { to: id, term }))
  }
}

/** One whole turn. Throws when there is nothing to do. */
export function turn(raft: Raft): Ready {
  raft.tellCommit()
  const ready = raft.ready()
  if (ready === undefined) throw new Error('the core has nothing to do')
  raft.written()
  return ready
}

/** Turns until there is nothing to do. */
export function turns(raft: Raft): Ready[] {
  const batches: Ready[] = []
  while (batches.length < 1000) {
    raft.tellCommit()
    const ready = raft.ready()
    if (ready === undefined) return batches
    raft.written()
    batches.push(ready)
  }
  throw new Error('the core never rests')
}

/** A whole batch: what is not given is empty. */
export function batch(fields: Partial<Ready>): Ready {
  return {
    hardState: undefined,
    entries: [],
    snapshot: undefined,
    messages: [],
    promises: [],
    committed: [],
    reads: [],
    readsDropped: [],
    roleView: undefined,
    mustSync: false,
    ...fields,
  }
}

export function makeEntry(index: Index, term: Term, fields: Partial<Entry> = {}): Entry {
  return { index, term, stampMs: 0, ...makeProposal(), ...fields }
}

/** The entry that a new leader appends. */
export function makeNoop(index: Index, term: Term, origin = '1'): Entry {
  const fields = { kind: EntryKind.noop, origin: memberId(origin), seq: 0, data: new Uint8Array(0), checksum: 0 }
  return makeEntry(index, term, fields)
}

export function makeProposal(bytes = 1, fields: Partial<Proposal> = {}): Proposal {
  return { kind: EntryKind.command, origin: memberId('1'), seq: 1, data: new Uint8Array(bytes), checksum: 0, ...fields }
}

/** The size by which limits count a proposal of `bytes` of data. */
export function proposalBytes(bytes: number): number {
  return bytes + 64
}

type Header = 'from' | 'to' | 'term'
type Kind = Message['kind']
type Of<K extends Kind> = Extract<Message, { kind: K }>

/** A message of `kind` from member 2 to member 1 in term 1, unless told otherwise. */
export function make<K extends Kind>(
  kind: K,
  fields: Omit<Of<K>, 'kind' | Header> & Partial<{ from: string; to: string; term: Term }>,
): Of<K> {
  const { from = '2', to = '1', term = 1, ...rest } = fields
  return { kind, from: memberId(from), to: memberId(to), term, ...rest } as unknown as Of<K>
}

export function append(
  prevIndex: Index,
  prevTerm: Term,
  entries: readonly Entry[],
  commitIndex: Index,
  header: Partial<{ from: string; to: string; term: Term }> = {},
): Of<'append'> {
  return make('append', { prevIndex, prevTerm, entries, commitIndex, ...header })
}

export function appendReply(
  from: string,
  matchIndex: Index,
  fields: Partial<{ to: string; term: Term; rejected: boolean; hintIndex: Index; hintTerm: Term }> = {},
): Of<'appendReply'> {
  return make('appendReply', { from, rejected: false, matchIndex, hintIndex: 0, hintTerm: 0, ...fields })
}

export function heartbeat(
  commitIndex: Index,
  fields: Partial<{ from: string; to: string; term: Term; readRound: number; stampMs: number }> = {},
): Of<'heartbeat'> {
  return make('heartbeat', { commitIndex, readRound: 0, stampMs: 0, ...fields })
}

/** The messages of a kind in a batch, wherever they are. */
export function messagesOf<K extends Kind>(ready: Ready | undefined, kind: K): Of<K>[] {
  const all = [...(ready?.messages ?? []), ...(ready?.promises ?? [])]
  return all.filter((message): message is Of<K> => message.kind === kind)
}

export function ticks(raft: Raft, count: number): void {
  for (let i = 0; i < count; i++) raft.tick()
}
