/**
 * What an operator is told of changes of the members is true: each is answered once and in time, "made" only of what the member that
 * answers has applied, "refused" only for what somebody else did.
 */
import type { MemberId } from '../../../src/raft/types.ts'
import type { MemberAnswer } from '../../../src/replica/member-changes.ts'
import type { MemberRequest } from '../../../src/replica/member-entry.ts'
import type { MemberList } from '../../../src/store/members.ts'
import { wrong } from '../failure.ts'

/** A change that somebody asked for. */
export interface AskedChange {
  readonly request: MemberRequest
  answer: MemberAnswer | undefined
}

export class ChangesChecker {
  readonly #all: AskedChange[] = []

  asked(request: MemberRequest): AskedChange {
    const asked = { request, answer: undefined }
    this.#all.push(asked)
    return asked
  }

  answered(asked: AskedChange, answer: MemberAnswer, members: MemberList): void {
    const { request } = asked
    const what = `the change ${JSON.stringify(request)}`
    if (asked.answer !== undefined) throw wrong(`${what} was answered twice`)
    asked.answer = answer
    if (answer.ok) {
      if (!this.#isMade(asked, members)) throw wrong(`${what} was called made by a member that has not applied it`)
    } else if ('refusal' in answer) {
      if (!this.#mayBeRefused(asked, answer.refusal)) throw wrong(`${what} was refused: ${answer.refusal}`)
    }
  }

  /** @param goesOn the process that was asked is the one that runs. */
  mustBeAnswered({ request, answer }: AskedChange, goesOn: boolean): void {
    if (goesOn && answer === undefined) throw wrong(`the change ${JSON.stringify(request)} was never answered`)
  }

  /** Ids and URLs are drawn anew for each: who refuses them for being there refuses what this very request has done. */
  #mayBeRefused({ request }: AskedChange, refusal: string): boolean {
    switch (refusal) {
      case 'lastVoter':
        return request.kind === 'remove'
      case 'tooManyLearners':
        return request.kind === 'add'
      case 'idRemoved':
        return this.#countOf('remove', request.id) > (request.kind === 'remove' ? 1 : 0)
      default:
        return false
    }
  }

  #countOf(kind: MemberRequest['kind'], id: MemberId): number {
    return this.#all.filter(({ request }) => request.kind === kind && request.id === id).length
  }

  #isMade({ request }: AskedChange, members: MemberList): boolean {
    if (members.isRemoved(request.id)) return true
    if (request.kind === 'remove') return false
    const urls = members.get(request.id)?.peerURLs
    if (request.kind === 'add') return urls !== undefined
    // Of several any may come last.
    return this.#countOf('update', request.id) > 1 || urls?.join() === request.peerUrls.join()
  }
}
