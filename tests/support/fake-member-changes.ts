/**
 * The members of a cluster that a test says what becomes of: it notes what was asked, and answers as told.
 */
import type { MemberChangeAnswer, MemberChangesPort } from '../../src/http/ports.ts'

export const ADDED_ID = 'abc123'

export class FakeMemberChanges implements MemberChangesPort {
  /** What the next change ends in. */
  answer: MemberChangeAnswer = { ok: true }
  readonly asked: (readonly unknown[])[] = []

  add(peerUrls: readonly string[], done: Parameters<MemberChangesPort['add']>[1]): void {
    this.asked.push(['add', peerUrls])
    const { answer } = this
    done(answer.ok ? { ok: true, member: { id: ADDED_ID, name: '', peerURLs: peerUrls, clientURLs: [] } } : answer)
  }

  update(id: string, peerUrls: readonly string[], done: (answer: MemberChangeAnswer) => void): void {
    this.asked.push(['update', id, peerUrls])
    done(this.answer)
  }

  remove(id: string, done: (answer: MemberChangeAnswer) => void): void {
    this.asked.push(['remove', id])
    done(this.answer)
  }
}
