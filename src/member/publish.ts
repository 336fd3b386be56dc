/**
 * Tells the cluster this member's name and client URLs, as `/v2/members` shows them.
 *
 * Owns: trying until the member list says so. A restart with the same attributes writes nothing.
 */
import type { Replica } from '../replica/replica.ts'

export interface Attributes {
  readonly name: string
  readonly clientUrls: readonly string[]
}

/** Wait between tries, milliseconds. A try itself waits for a leader as long as any request. */
const RETRY_MS = 200

/** Starts publishing in the background. `cancel` ends it at the next step. */
export function publishUntilKnown(replica: Replica, attributes: Attributes): { cancel(): void } {
  let timer: NodeJS.Timeout | undefined
  let cancelled = false
  const { name, clientUrls } = attributes
  const attempt = (): void => {
    const known = replica.store.members.get(replica.id)
    const same = known !== undefined && known.name === name && known.clientURLs.join() === clientUrls.join()
    if (cancelled || same) return
    replica.write({ kind: 'putMember', id: replica.id, peerUrls: undefined, name, clientUrls }, (answer) => {
      if (!answer.ok && !cancelled) timer = setTimeout(attempt, RETRY_MS)
    })
  }
  attempt()
  return {
    cancel: () => {
      cancelled = true
      clearTimeout(timer)
    },
  }
}
