/**
 * Messages as frames, and frames as checked messages.
 *
 * Owns: the layout of a frame's content, the wire number of each kind, the check of every field received. Leaves to
 * others: the bytes of entries (`entry-section.ts`), and what messages mean.
 *
 * A frame is `u32 length of the rest · u32 length of the envelope · envelope · sections`. The envelope is msgpack: an
 * array of messages, each an array `[kind, term, …]`. Appends and proposes end in `origins, count, bytes` of their
 * section; the sections follow in the same order. `from` and `to` are not sent: they are those of the handshake, so
 * that no member can speak for another.
 */
import assert from 'node:assert'
import { Packr, RESERVE_START_SPACE } from 'msgpackr'
import type { InstallSnapshot, Message } from '../raft/message.ts'
import type { Entry, MemberId, Proposal, SnapshotMeta } from '../raft/types.ts'
import { memberId } from '../raft/types.ts'
import { decodeEntries, decodeProposals, type EntrySection, encodeSection } from './entry-section.ts'
import { BadMessageError } from './errors.ts'
import { FRAME_PREFIX_BYTES } from './frame.ts'

/** Numbers of the kinds on the wire. Never reuse one. */
const Wire = {
  preVote: 1,
  preVoteReply: 2,
  vote: 3,
  voteReply: 4,
  append: 5,
  appendReply: 6,
  heartbeat: 7,
  heartbeatReply: 8,
  installSnapshot: 9,
  propose: 10,
  readIndex: 11,
  readIndexReply: 12,
  timeoutNow: 13,
} as const

const ENVELOPE_PREFIX_BYTES = 4
const PREFIX_BYTES = FRAME_PREFIX_BYTES + ENVELOPE_PREFIX_BYTES
const MEMBERS_MAX = 10_000

const packr = new Packr({ useRecords: false })

/** A frame as it goes to a socket: its parts in order. Sections are shared with the frames of other remotes. */
export interface Frame {
  readonly parts: readonly Buffer[]
  readonly bytes: number
  /** How many of its messages are appends. */
  readonly appends: number
}

/**
 * Encodes the messages of one turn.
 *
 * A leader sends the same entries to each follower: a section that was encoded since `forget()` is used again. Two lists
 * are the same when they are equally long and begin and end with the same objects, since entries of one log are
 * contiguous and immutable.
 */
export class FrameEncoder {
  readonly #items: (readonly (Entry | Proposal)[])[] = []
  readonly #sections: EntrySection[] = []

  /** Encodes messages to one remote. They must not hold an `installSnapshot`: that has a stream of its own. */
  encode(messages: readonly Message[]): Frame {
    const envelope: unknown[] = []
    const parts: Buffer[] = []
    let bytes = 0
    let appends = 0
    parts.push(EMPTY)
    for (const message of messages) {
      if (message.kind === 'append') {
        const section = this.#section(message.entries)
        if (section.count > 0) parts.push(section.bytes)
        bytes += section.bytes.length
        appends++
        envelope.push([
          Wire.append,
          message.term,
          message.prevIndex,
          message.prevTerm,
          message.commitIndex,
          section.origins,
          section.count,
          section.bytes.length,
        ])
      } else if (message.kind === 'propose') {
        const section = this.#section(message.proposals)
        if (section.count > 0) parts.push(section.bytes)
        bytes += section.bytes.length
        envelope.push([Wire.propose, message.term, section.origins, section.count, section.bytes.length])
      } else {
        envelope.push(toWire(message))
      }
    }
    const head = packr.pack(envelope, RESERVE_START_SPACE | PREFIX_BYTES)
    bytes += head.length
    head.writeUInt32LE(bytes - FRAME_PREFIX_BYTES, 0)
    head.writeUInt32LE(head.length - PREFIX_BYTES, FRAME_PREFIX_BYTES)
    parts[0] = head
    return { parts, bytes, appends }
  }

  /** Call it when a turn's frames are made: sections are kept alive until then. */
  forget(): void {
    this.#items.length = 0
    this.#sections.length = 0
  }

  #section(items: readonly (Entry | Proposal)[]): EntrySection {
    if (items.length === 0) return NO_ENTRIES
    for (let i = 0; i < this.#items.length; i++) {
      const known = this.#items[i]
      if (
        known !== undefined &&
        known.length === items.length &&
        known[0] === items[0] &&
        known[known.length - 1] === items[items.length - 1]
      ) {
        return this.#sections[i] as EntrySection
      }
    }
    const section = encodeSection(items)
    this.#items.push(items)
    this.#sections.push(section)
    return section
  }
}

const EMPTY = Buffer.alloc(0)
const NO_ENTRIES: EntrySection = { count: 0, origins: [], bytes: EMPTY }

type PlainMessage = Exclude<Message, { kind: 'append' } | { kind: 'propose' }>

function toWire(message: PlainMessage): unknown[] {
  switch (message.kind) {
    case 'preVote':
      return [Wire.preVote, message.term, message.lastIndex, message.lastTerm]
    case 'preVoteReply':
      return [Wire.preVoteReply, message.term, message.granted]
    case 'vote':
      return [Wire.vote, message.term, message.lastIndex, message.lastTerm, message.transfer]
    case 'voteReply':
      return [Wire.voteReply, message.term, message.granted]
    case 'appendReply':
      return [Wire.appendReply, message.term, message.rejected, message.matchIndex, message.hintIndex, message.hintTerm]
    case 'heartbeat':
      return [Wire.heartbeat, message.term, message.commitIndex, message.readRound, message.stampMs]
    case 'heartbeatReply':
      return [Wire.heartbeatReply, message.term, message.readRound]
    case 'readIndex':
      return [Wire.readIndex, message.term, message.round]
    case 'readIndexReply':
      return [Wire.readIndexReply, message.term, message.round, message.index]
    case 'timeoutNow':
      return [Wire.timeoutNow, message.term]
    case 'installSnapshot':
      return assert.fail('an installSnapshot travels with its rows, not on the message stream')
  }
}

/**
 * Decodes the content of one frame (without its length) into messages from `from` to `to`.
 *
 * Throws a BadMessageError at the first field that `raft/message.ts` does not allow. Data of entries are views of
 * `content`, which must not be written to afterwards.
 */
export function decodeFrame(content: Buffer, from: MemberId, to: MemberId): Message[] {
  if (content.length < ENVELOPE_PREFIX_BYTES) {
    throw new BadMessageError('frame', `${content.length} bytes`, `${ENVELOPE_PREFIX_BYTES} bytes or more`)
  }
  const envelopeEnd = ENVELOPE_PREFIX_BYTES + content.readUInt32LE(0)
  if (envelopeEnd > content.length) {
    throw new BadMessageError('envelope', `${envelopeEnd} bytes`, `at most ${content.length} bytes`)
  }
  const envelope = unpack(content.subarray(ENVELOPE_PREFIX_BYTES, envelopeEnd))
  if (!Array.isArray(envelope)) throw new BadMessageError('envelope', envelope, 'an array of messages')
  const reader = new FrameReader(content, envelopeEnd, from, to)
  const messages: Message[] = []
  for (const fields of envelope as unknown[]) {
    if (!Array.isArray(fields)) throw new BadMessageError('message', fields, 'an array of fields')
    messages.push(reader.message(fields))
  }
  reader.end()
  return messages
}

/** Encodes the message that opens a snapshot stream. */
export function encodeInstallSnapshot(message: InstallSnapshot): Buffer {
  const { index, term, stampMs, membership } = message.snapshot
  return packr.pack([
    Wire.installSnapshot,
    message.term,
    index,
    term,
    stampMs,
    membership.voters,
    membership.learners,
  ]) as Buffer
}

/** Decodes and checks the message that opens a snapshot stream. Throws a BadMessageError. */
export function decodeInstallSnapshot(bytes: Buffer, from: MemberId, to: MemberId): InstallSnapshot {
  const fields = unpack(bytes)
  if (!Array.isArray(fields)) throw new BadMessageError('message', fields, 'an array of fields')
  if (fields[0] !== Wire.installSnapshot) throw new BadMessageError('kind', fields[0], `${Wire.installSnapshot}`)
  size(fields, 7, 'installSnapshot')
  const term = count(fields[1], 'installSnapshot.term')
  const snapshot: SnapshotMeta = {
    index: count(fields[2], 'installSnapshot.index'),
    term: count(fields[3], 'installSnapshot.snapshotTerm'),
    stampMs: count(fields[4], 'installSnapshot.stampMs'),
    membership: {
      voters: ids(fields[5], 'installSnapshot.voters', MEMBERS_MAX),
      learners: ids(fields[6], 'installSnapshot.learners', MEMBERS_MAX),
    },
  }
  if (snapshot.term > term) {
    throw new BadMessageError('installSnapshot.snapshotTerm', snapshot.term, `at most the sender's term ${term}`)
  }
  const { voters, learners } = snapshot.membership
  for (const id of learners) {
    if (voters.includes(id)) throw new BadMessageError('installSnapshot.learners', id, 'no member that also votes')
  }
  return { kind: 'installSnapshot', from, to, term, snapshot }
}

/** Turns the arrays of one envelope into messages, taking sections from the frame as they are named. */
class FrameReader {
  readonly #content: Buffer
  readonly #from: MemberId
  readonly #to: MemberId
  #at: number

  constructor(content: Buffer, sectionsStart: number, from: MemberId, to: MemberId) {
    this.#content = content
    this.#at = sectionsStart
    this.#from = from
    this.#to = to
  }

  message(f: readonly unknown[]): Message {
    const from = this.#from
    const to = this.#to
    const term = count(f[1], 'term')
    switch (f[0]) {
      case Wire.preVote: {
        size(f, 4, 'preVote')
        const lastIndex = count(f[2], 'preVote.lastIndex')
        return { kind: 'preVote', from, to, term, lastIndex, lastTerm: countTo(f[3], term, 'preVote.lastTerm') }
      }
      case Wire.preVoteReply:
        size(f, 3, 'preVoteReply')
        return { kind: 'preVoteReply', from, to, term, granted: flag(f[2], 'preVoteReply.granted') }
      case Wire.vote: {
        size(f, 5, 'vote')
        const lastIndex = count(f[2], 'vote.lastIndex')
        const lastTerm = countTo(f[3], term, 'vote.lastTerm')
        return { kind: 'vote', from, to, term, lastIndex, lastTerm, transfer: flag(f[4], 'vote.transfer') }
      }
      case Wire.voteReply:
        size(f, 3, 'voteReply')
        return { kind: 'voteReply', from, to, term, granted: flag(f[2], 'voteReply.granted') }
      case Wire.append: {
        size(f, 8, 'append')
        const prevIndex = count(f[2], 'append.prevIndex')
        const prevTerm = countTo(f[3], prevIndex === 0 ? 0 : term, 'append.prevTerm')
        const commitIndex = count(f[4], 'append.commitIndex')
        const entries = this.#entries(f, prevIndex, prevTerm, term)
        return { kind: 'append', from, to, term, prevIndex, prevTerm, entries, commitIndex }
      }
      case Wire.appendReply: {
        size(f, 6, 'appendReply')
        const rejected = flag(f[2], 'appendReply.rejected')
        const matchIndex = count(f[3], 'appendReply.matchIndex')
        const hintIndex = countTo(f[4], rejected ? Number.MAX_SAFE_INTEGER : 0, 'appendReply.hintIndex')
        const hintTerm = countTo(f[5], rejected ? Number.MAX_SAFE_INTEGER : 0, 'appendReply.hintTerm')
        return { kind: 'appendReply', from, to, term, rejected, matchIndex, hintIndex, hintTerm }
      }
      case Wire.heartbeat: {
        size(f, 5, 'heartbeat')
        const commitIndex = count(f[2], 'heartbeat.commitIndex')
        const readRound = count(f[3], 'heartbeat.readRound')
        const stampMs = count(f[4], 'heartbeat.stampMs')
        return { kind: 'heartbeat', from, to, term, commitIndex, readRound, stampMs }
      }
      case Wire.heartbeatReply:
        size(f, 3, 'heartbeatReply')
        return { kind: 'heartbeatReply', from, to, term, readRound: count(f[2], 'heartbeatReply.readRound') }
      case Wire.propose: {
        size(f, 5, 'propose')
        const items = count(f[3], 'propose.count')
        const origins = ids(f[2], 'propose.origins', items)
        const proposals = decodeProposals(this.#section(f[4], 'propose.bytes'), items, origins)
        return { kind: 'propose', from, to, term, proposals }
      }
      case Wire.readIndex:
        size(f, 3, 'readIndex')
        return { kind: 'readIndex', from, to, term, round: count(f[2], 'readIndex.round') }
      case Wire.readIndexReply: {
        size(f, 4, 'readIndexReply')
        const round = count(f[2], 'readIndexReply.round')
        return { kind: 'readIndexReply', from, to, term, round, index: count(f[3], 'readIndexReply.index') }
      }
      case Wire.timeoutNow:
        size(f, 2, 'timeoutNow')
        return { kind: 'timeoutNow', from, to, term }
      default:
        throw new BadMessageError('kind', f[0], 'a kind that may travel on the message stream')
    }
  }

  /** Every byte of the frame must have been named. */
  end(): void {
    if (this.#at !== this.#content.length) {
      throw new BadMessageError('frame', `${this.#content.length} bytes`, `${this.#at} bytes, as the envelope says`)
    }
  }

  #entries(f: readonly unknown[], prevIndex: number, prevTerm: number, term: number): readonly Entry[] {
    const items = count(f[6], 'append.count')
    const origins = ids(f[5], 'append.origins', items)
    return decodeEntries(this.#section(f[7], 'append.bytes'), items, origins, prevIndex, prevTerm, term)
  }

  #section(bytes: unknown, field: string): Buffer {
    const length = countTo(bytes, this.#content.length - this.#at, field)
    const start = this.#at
    this.#at += length
    return this.#content.subarray(start, this.#at)
  }
}

function unpack(bytes: Buffer): unknown {
  try {
    return packr.unpack(bytes)
  } catch (error) {
    throw new BadMessageError('envelope', error instanceof Error ? error.message : error, 'one value of msgpack')
  }
}

function size(fields: readonly unknown[], want: number, name: string): void {
  if (fields.length !== want) throw new BadMessageError(name, `${fields.length} fields`, `${want} fields`)
}

function count(value: unknown, field: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new BadMessageError(field, value, 'a safe integer, 0 or more')
  }
  return value
}

function countTo(value: unknown, max: number, field: string): number {
  const checked = count(value, field)
  if (checked > max) throw new BadMessageError(field, value, `at most ${max}`)
  return checked
}

function flag(value: unknown, field: string): boolean {
  if (typeof value !== 'boolean') throw new BadMessageError(field, value, 'true or false')
  return value
}

function ids(value: unknown, field: string, countMax: number): MemberId[] {
  if (!Array.isArray(value)) throw new BadMessageError(field, value, 'an array of member ids')
  if (value.length > countMax) throw new BadMessageError(field, `${value.length} ids`, `at most ${countMax} ids`)
  for (const id of value as unknown[]) {
    if (typeof id !== 'string') throw new BadMessageError(field, id, 'a member id')
    try {
      memberId(id)
    } catch {
      throw new BadMessageError(field, id, 'a member id')
    }
  }
  return value as MemberId[]
}
