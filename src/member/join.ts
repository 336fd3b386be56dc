/**
 * Joining a cluster that others run, and noticing that a cluster runs already.
 *
 * Owns: whom to ask, what must agree before this member joins, the sentences (etcd's where it has them). Source: API
 * page, 13.1 and 13.4.
 */
import type { Config, Endpoint } from '../config/config.ts'
import { fetchListing, type Listing } from '../peer/listing.ts'
import type { ListedMember, PeerTls } from '../peer/options.ts'
import type { MemberId } from '../raft/types.ts'
import type { Bootstrap } from '../replica/bootstrap.ts'
import { joining } from '../replica/joining.ts'
import type { StoreOptions } from '../store/options.ts'
import { MemberError } from './member-error.ts'

/** How long a member of a cluster that is to be joined may take to say who is in it, milliseconds. */
const JOIN_MS_MAX = 5000
/** When one list fits, the others have so long to say that they know better. */
const GRACE_MS = 1000
/** The same as `JOIN_MS_MAX` where the answer is a precaution: in a new cluster most often nobody is there to answer. */
const PROBE_MS_MAX = 1000

/**
 * Asks the others of `--initial-cluster` who is in the cluster, and takes this member's place in it.
 *
 * @throws MemberError MUSTER_JOIN_FAILED: nobody answered, or the answer does not fit the options; MUSTER_ALREADY_BOOTSTRAPPED.
 */
export async function joinState(config: Config, options: StoreOptions, tls: PeerTls | undefined): Promise<Bootstrap> {
  const fits = (listing: Listing): boolean => !(ownEntry(config, listing) instanceof MemberError)
  const listings = await askAll(config, tls, JOIN_MS_MAX, fits)
  const { listing, self } = firstThatFits(config, listings)
  // One that lags may not know yet that this member has served.
  checkNeverServed(self.id, listings)
  return joining(listing.clusterId, self.id, listing.members, options)
}

/**
 * A member of a new cluster has no data: either it starts for the first time, or its data were lost, and then it must not
 * vote as if it had never voted. Another member that runs knows which.
 *
 * @throws MemberError MUSTER_ALREADY_BOOTSTRAPPED.
 */
export async function checkFirstStart(config: Config, id: MemberId, tls: PeerTls | undefined): Promise<void> {
  checkNeverServed(id, await askAll(config, tls, PROBE_MS_MAX, () => false))
}

/** Client URLs are what a member makes known when it serves for the first time, and before it gets a vote. */
function checkNeverServed(id: MemberId, answers: readonly (Listing | Error)[]): void {
  const known = answers.flatMap((answer) => (answer instanceof Error ? [] : answer.members))
  if (!known.some((member) => member.id === id && member.clientURLs.length > 0)) return
  throw new MemberError(
    'MUSTER_ALREADY_BOOTSTRAPPED',
    `member ${id} has already been bootstrapped: its data directory is empty now, so remove it from the cluster and add it again`,
  )
}

function otherUrls({ initialCluster, name }: Config): readonly string[] {
  const others = initialCluster.filter((member) => member.name !== name)
  return others.flatMap(({ peerUrls }) => peerUrls.map((url) => url.href))
}

/**
 * What each of the others says of the cluster, in the order of the options; or why it says nothing. All are asked at once, and nobody
 * who hangs is waited for longer than `GRACE_MS` after an answer that is enough.
 */
async function askAll(
  config: Config,
  tls: PeerTls | undefined,
  timeoutMs: number,
  isEnough: (listing: Listing) => boolean,
): Promise<readonly (Listing | Error)[]> {
  const urls = otherUrls(config)
  const answers: (Listing | Error)[] = urls.map((url) => new Error(`${url} had not answered yet`))
  let grace: NodeJS.Timeout | undefined
  const patience = new Promise<void>((over) => {
    const ask = async (url: string, place: number): Promise<void> => {
      try {
        const listing = await fetchListing(url, tls, timeoutMs)
        answers[place] = listing
        if (isEnough(listing)) grace ??= setTimeout(over, GRACE_MS)
      } catch (error) {
        answers[place] = error instanceof Error ? error : new Error(String(error))
      }
    }
    void Promise.all(urls.map(ask)).then(() => over())
  })
  await patience
  clearTimeout(grace)
  return answers
}

/** The first list that is that of the options: a member that lags may not have heard of this one yet. */
function firstThatFits(
  config: Config,
  answers: readonly (Listing | Error)[],
): { readonly listing: Listing; readonly self: ListedMember } {
  let misfit: MemberError | undefined
  for (const listing of answers) {
    if (listing instanceof Error) continue
    const self = ownEntry(config, listing)
    if (!(self instanceof MemberError)) return { listing, self }
    misfit = self
  }
  if (misfit !== undefined) throw misfit
  throw new MemberError(
    'MUSTER_JOIN_FAILED',
    'cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs',
    { cause: new AggregateError(answers) },
  )
}

/** This member in the list, which must be that of the options; else what does not fit. Names are not compared: a member that never ran has none. */
function ownEntry({ initialCluster, name }: Config, listing: Listing): ListedMember | MemberError {
  const { members } = listing
  if (members.length !== initialCluster.length) return invalid(listing, 'member count is unequal')
  let self: ListedMember | undefined
  for (const member of members) {
    const match = initialCluster.find(({ peerUrls }) => sameUrls(peerUrls, member.peerURLs))
    if (match === undefined) {
      const urls = `[${member.peerURLs.join(' ')}]`
      const reason = 'last resolver error (no member of --initial-cluster has these URLs)'
      return invalid(listing, `PeerURLs: no match found for existing member (${member.id}, ${urls}), ${reason}`)
    }
    if (match.name === name) self = member
  }
  if (self === undefined) return invalid(listing, `no member of the cluster has the URLs of "${name}"`)
  return self
}

function sameUrls(wanted: readonly Endpoint[], found: readonly string[]): boolean {
  const left = wanted.map(({ href }) => comparable(href)).sort()
  return left.join() === found.map(comparable).sort().join()
}

/** As the options are compared (`config/bootstrap.ts`): as written, but for `localhost`. */
function comparable(href: string): string {
  return href.toLowerCase().replace('://localhost:', '://127.0.0.1:')
}

function invalid({ clusterId, members }: Listing, reason: string): MemberError {
  const listed = members.map(({ id, name, peerURLs, clientURLs }) => {
    const urls = `PeerURLs:[${peerURLs.join(' ')}]`
    return `&{ID:${id} RaftAttributes:{${urls}} Attributes:{Name:${name} ClientURLs:[${clientURLs.join(' ')}]}}`
  })
  const cluster = `{ClusterID:${clusterId} Members:[${listed.join(' ')}] RemovedMemberIDs:[]}`
  return new MemberError('MUSTER_JOIN_FAILED', `error validating peerURLs ${cluster}: ${reason}`)
}
