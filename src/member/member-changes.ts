/**
 * Changes of the members as clients ask for them.
 *
 * Owns: ids of new members, and the checks that keep an operator from losing the majority (`--strict-reconfig-check`; API page, 7.2).
 * They are made by the member that is asked, from what it sees; what must hold is checked when the change is applied
 * (`replica/member-entry.ts`).
 */
import assert from 'node:assert'
import type { MemberJson } from '../api.ts'
import type { MemberChangeAnswer, MemberChangesPort } from '../http/ports.ts'
import type { PeerTransport } from '../peer/transport.ts'
import { type MemberId, memberId } from '../raft/types.ts'
import { addedMemberId } from '../replica/bootstrap.ts'
import type { MemberAnswer } from '../replica/member-changes.ts'
import { LEARNERS_MAX, type MemberRequest } from '../replica/member-entry.ts'
import type { Clock, Log } from '../replica/ports.ts'
import type { Replica } from '../replica/replica.ts'

/** A connection counts as sound once it has stood for so long, milliseconds. */
const SOUND_MS = 5000

export interface MemberChangesParts {
  readonly replica: Pick<Replica, 'id' | 'changeMembers' | 'store' | 'members'>
  readonly transport: Pick<PeerTransport, 'status'>
  readonly clock: Clock
  readonly log: Log
  /** `--strict-reconfig-check`. */
  readonly isStrict: boolean
}

export class MemberChanges implements MemberChangesPort {
  readonly #parts: MemberChangesParts

  constructor(parts: MemberChangesParts) {
    this.#parts = parts
  }

  add(peerUrls: readonly string[], done: Parameters<MemberChangesPort['add']>[1]): void {
    const objection = this.#objectionToAdding()
    const id = addedMemberId(peerUrls, this.#parts.clock.wallMs())
    if (objection !== undefined) done(this.#refuse('add', objection))
    else {
      this.#ask({ kind: 'add', id, peerUrls }, (answer) => {
        done(answer.ok ? { ok: true, member: { id, name: '', peerURLs: peerUrls, clientURLs: [] } } : answer)
      })
    }
  }

  update(id: string, peerUrls: readonly string[], done: (answer: MemberChangeAnswer) => void): void {
    this.#ask({ kind: 'update', id: memberId(id), peerUrls }, done)
  }

  remove(id: string, done: (answer: MemberChangeAnswer) => void): void {
    const { members } = this.#parts.replica.store
    const isKnown = members.get(id) !== undefined
    const objection = isKnown ? this.#objectionToRemoving(memberId(id)) : undefined
    if (objection !== undefined) done(this.#refuse('remove', objection))
    else this.#ask({ kind: 'remove', id: memberId(id) }, done)
  }

  #ask(request: MemberRequest, done: (answer: MemberChangeAnswer) => void): void {
    this.#parts.replica.changeMembers(request, (answer) => done(this.#told(request, answer)))
  }

  #told(request: MemberRequest, answer: MemberAnswer): MemberChangeAnswer {
    if (answer.ok) return answer
    if ('condition' in answer) return this.#refuse(request.kind, `it met ${answer.condition}`)
    if (answer.refusal === 'lastVoter') return this.#refuse(request.kind, 'nobody would be left to vote')
    if (answer.refusal === 'tooManyLearners')
      return this.#refuse(request.kind, `${LEARNERS_MAX} members wait for their vote already`)
    assert(answer.refusal !== 'overtaken', 'one that was overtaken is asked for anew (`replica/member-changes.ts`)')
    return { ok: false, reason: answer.refusal }
  }

  /** The client is told no more than that it failed, as etcd does; whoever runs the member can read why. */
  #refuse(change: MemberRequest['kind'], reason: string): { readonly ok: false; readonly reason: 'failed' } {
    this.#parts.log.warn({ change, reason }, 'a change of the members was not made')
    return { ok: false, reason: 'failed' }
  }

  #objectionToAdding(): string | undefined {
    if (!this.#parts.isStrict) return undefined
    const members = this.#parts.replica.store.members.list()
    const started = members.filter(this.#votes).length
    const quorum = Math.floor((members.length + 1) / 2) + 1
    // From one member to two there is no other way.
    if (started < quorum && members.length > 1) return `${started} members have started, and ${quorum} would be needed`
    const unsound = members.filter(({ id }) => !this.#isSound(id))
    if (unsound.length === 0) return undefined
    return `this member has not been connected to ${unsound.map(({ id }) => id).join(', ')} for ${SOUND_MS / 1000} s`
  }

  #objectionToRemoving(id: MemberId): string | undefined {
    const { replica, isStrict } = this.#parts
    if (!isStrict) return undefined
    const members = replica.store.members.list()
    const others = members.filter((member) => member.id !== id)
    const started = others.filter(this.#votes).length
    const quorum = Math.floor(others.length / 2) + 1
    if (started < quorum) return `${started} of the others have started, and ${quorum} would be needed`
    // One that is down is no part of the majority that works.
    if (id !== replica.id && this.#connectedSinceMs(id) === undefined) return undefined
    const sound = others.filter((member) => this.#votes(member) && this.#isSound(member.id)).length
    return sound < quorum ? `${sound} of the others are known to be well, and ${quorum} would be needed` : undefined
  }

  /** A name alone is no vote yet: a member that joins makes it known first (`stewardship.ts`). */
  readonly #votes = ({ id, name }: MemberJson): boolean =>
    name !== '' && this.#parts.replica.members.membership.voters.includes(memberId(id))

  #isSound(id: string): boolean {
    const { replica, clock } = this.#parts
    if (id === replica.id) return true
    const sinceMs = this.#connectedSinceMs(id)
    return sinceMs !== undefined && clock.monotonicMs() - sinceMs >= SOUND_MS
  }

  #connectedSinceMs(id: string): number | undefined {
    return this.#parts.transport.status().find((remote) => remote.id === id)?.connectedSinceMs
  }
}
