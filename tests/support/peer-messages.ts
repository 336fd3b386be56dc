/** Arbitrary messages between members, for properties of the codec. */
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import type { InstallSnapshot, Message } from '../../src/raft/message.ts'
import type { Entry, EntryKind, MemberId, Proposal } from '../../src/raft/types.ts'
import { memberId } from '../../src/raft/types.ts'

export const FROM: MemberId = memberId('2bb6db8b73f33890')
export const TO: MemberId = memberId('a1')

const count = fc.oneof(fc.nat(300), fc.maxSafeNat())
const term = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
const id = fc.bigInt({ min: 1n, max: 0xffffffffffffffffn }).map((value) => memberId(value.toString(16)))
const data = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
)

function proposalOf(kind: fc.Arbitrary<EntryKind>): fc.Arbitrary<Proposal> {
  return fc
    .record({ kind, origin: fc.oneof(fc.constant(FROM), id), seq: count, data })
    .map((fields) => ({ ...fields, checksum: crc32(fields.data) }))
}

/** What an entry holds besides its place in the log. */
const content = proposalOf(fc.constantFrom<EntryKind>(0, 1, 2))
/** What a follower may ask for. */
const proposal = proposalOf(fc.constant<EntryKind>(1))

/** An append whose terms and stamps rise as they must. */
const append = fc
  .record({
    prevIndex: fc.oneof(fc.nat(300), fc.nat(Number.MAX_SAFE_INTEGER - 1_000)),
    commitIndex: count,
    spare: fc.nat(5),
    steps: fc.array(fc.record({ proposal: content, termStep: fc.nat(2), stampStep: fc.nat(5_000) }), { maxLength: 12 }),
  })
  .map(({ prevIndex, commitIndex, spare, steps }): Message => {
    const prevTerm = prevIndex === 0 ? 0 : 3
    let entryTerm = Math.max(prevTerm, 1)
    let stampMs = 0
    const entries = steps.map((step, i): Entry => {
      entryTerm += step.termStep
      stampMs += step.stampStep
      return { ...step.proposal, index: prevIndex + 1 + i, term: entryTerm, stampMs }
    })
    const header = { from: FROM, to: TO, term: entryTerm + spare }
    return { kind: 'append', ...header, prevIndex, prevTerm, entries, commitIndex }
  })

const appendReply = fc
  .record({ term: count, rejected: fc.boolean(), matchIndex: count, hintIndex: count, hintTerm: count })
  .map(({ term: t, rejected, matchIndex, hintIndex, hintTerm }): Message => {
    const hint = rejected ? { hintIndex, hintTerm } : { hintIndex: 0, hintTerm: 0 }
    return { kind: 'appendReply', from: FROM, to: TO, term: t, rejected, matchIndex, ...hint }
  })

const lastLog = fc
  .tuple(term, count, fc.nat())
  .map(([t, lastIndex, below]) => ({ term: t, lastIndex, lastTerm: Math.max(0, t - below) }))

const header = { from: fc.constant(FROM), to: fc.constant(TO), term: count }

/** Every kind that may travel on a stream. */
export const streamMessage: fc.Arbitrary<Message> = fc.oneof(
  append,
  appendReply,
  lastLog.map((last): Message => ({ kind: 'preVote', from: FROM, to: TO, ...last })),
  fc
    .tuple(lastLog, fc.boolean())
    .map(([last, transfer]): Message => ({ kind: 'vote', from: FROM, to: TO, ...last, transfer })),
  fc.record({ kind: fc.constant('preVoteReply' as const), ...header, granted: fc.boolean() }),
  fc.record({ kind: fc.constant('voteReply' as const), ...header, granted: fc.boolean() }),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    ...header,
    commitIndex: count,
    readRound: count,
    stampMs: count,
  }),
  fc.record({ kind: fc.constant('heartbeatReply' as const), ...header, readRound: count }),
  fc.record({ kind: fc.constant('propose' as const), ...header, proposals: fc.array(proposal, { maxLength: 12 }) }),
  fc.record({ kind: fc.constant('readIndex' as const), ...header, round: count }),
  fc.record({ kind: fc.constant('readIndexReply' as const), ...header, round: count, index: count }),
  fc.record({ kind: fc.constant('timeoutNow' as const), ...header }),
)

export const snapshotMessage: fc.Arbitrary<InstallSnapshot> = fc
  .record({
    index: count,
    snapshotTerm: count,
    termStep: fc.nat(5),
    stampMs: count,
    members: fc.uniqueArray(id, { maxLength: 8 }),
    voters: fc.nat(8),
  })
  .map(({ index, snapshotTerm, termStep, stampMs, members, voters }) => ({
    kind: 'installSnapshot',
    from: FROM,
    to: TO,
    term: Math.min(Number.MAX_SAFE_INTEGER, snapshotTerm + termStep),
    snapshot: {
      index,
      term: snapshotTerm,
      stampMs,
      membership: { voters: members.slice(0, voters), learners: members.slice(voters) },
    },
  }))
