/**
 * Waiting, after a start, until this member knows everything that was acknowledged before, and until it votes.
 *
 * Owns: trying until a linearizable read succeeds. Only then are clients served: a member that answered from what its own
 * disk holds could show a past that it, or another member, has already left (etcd waits likewise). And looking whether it
 * votes: a member that joins and says that it is ready may be what its cluster's majority depends on in the next moment.
 */
import type { Log } from '../replica/ports.ts'
import type { Replica } from '../replica/replica.ts'

/** After so long without a majority the log says what is being waited for. Milliseconds. */
const PATIENCE_MS = 3000
/** Wait between tries, milliseconds. A try itself waits for a leader as long as any request. */
const RETRY_MS = 100

/** Calls `done` once this member votes. Ends with the process: whoever stops it waits for nothing more. */
export function onceVoting(replica: Pick<Replica, 'id' | 'members'>, done: () => void): void {
  if (votes(replica)) done()
  else setTimeout(() => onceVoting(replica, done), RETRY_MS).unref()
}

/** Whether majorities count this member, as far as it has applied. */
export function votes({ id, members }: Pick<Replica, 'id' | 'members'>): boolean {
  return members.membership.voters.includes(id)
}

/** Calls `done` once the tree may be read. `cancel` ends the waiting; `done` is not called then. */
export function onceCaughtUp(replica: Replica, log: Log, done: () => void): { cancel(): void } {
  let cancelled = false
  const hint = setTimeout(() => {
    log.warn({}, 'clients are not served yet: this member waits until it can reach a majority of the cluster')
  }, PATIENCE_MS)
  let retry: NodeJS.Timeout | undefined
  const cancel = (): void => {
    cancelled = true
    clearTimeout(hint)
    clearTimeout(retry)
  }
  const attempt = (): void => {
    replica.quorumRead((refused) => {
      if (cancelled || refused?.condition === 'MUSTER_STOPPED') return
      if (refused === undefined) {
        cancel()
        done()
      } else retry = setTimeout(attempt, RETRY_MS)
    })
  }
  attempt()
  return { cancel }
}
