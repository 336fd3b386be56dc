/**
 * `muster status`: how every member is, by its own account.
 *
 * Owns: whom to ask what, what counts as an alarm, exit status. Leaves to others: the table (status-table).
 *
 * Works in part against etcd, which tells less: no term without a key, no memory of a member that hides its metrics.
 */
import process from 'node:process'
import type { Command } from 'commander'
import { MusterClient } from '../../src/client/client.ts'
import { ClientError } from '../../src/client/errors.ts'
import type { Status } from '../../src/client/status.ts'
import { type ConnectionWords, connectionOf } from './connection.ts'
import { PublishedUrls } from './endpoints.ts'
import { examples } from './etcdctl/command.ts'
import { failureText } from './exit.ts'
import { renderStatus } from './status-table.ts'

/** A follower that is behind by more is reported: what is under way between asking one member and the next is less. */
const LAG_MAX = 5_000
const TIMEOUT_MS_DEFAULT = 2_000

/** Exit statuses, as those of `muster cluster-health`. */
const EXIT = { well: 0, wrong: 1, noConnection: 2, unwell: 5 } as const

/** Nobody could be asked. */
const UNASKED: ReadonlySet<unknown> = new Set(['MUSTER_CLIENT_UNREACHABLE', 'MUSTER_CLIENT_TIMEOUT'])

/** One member. */
export interface MemberReport {
  readonly id: string
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
  /** By its own account; undefined: it could not be asked. */
  readonly status: Status | undefined
  /** Indexes behind the farthest member; undefined: not known. */
  readonly lag: number | undefined
  readonly healthy: boolean
  /** It does not vote yet, as the leader tells, or any member where that one cannot be asked. */
  readonly learner: boolean
  /** Bytes of the process; undefined: not told. */
  readonly memoryBytes: number | undefined
  /** Bytes on disk; undefined: not told. */
  readonly storageBytes: number | undefined
  /** What is wrong with it; empty: nothing. */
  readonly problem: string
}

/** The cluster. */
export interface ClusterReport {
  readonly healthy: boolean
  readonly clusterId: string
  /** Id of the leader that most members follow; undefined: none. */
  readonly leader: string | undefined
  readonly term: number
  readonly storeIndex: number
  readonly members: readonly MemberReport[]
  /** A sentence for everything that is not as it should be. */
  readonly alarms: readonly string[]
}

interface StatusWords extends ConnectionWords {
  readonly json?: boolean
}

const HELP = `
LAG is how many raft entries a member is behind the one that is farthest; MEMORY that of its process, DISK that of its data.
A learner has not caught up yet and does not vote.
Exit status: 0 all is well; 5 something is not, see the lines below the table; 2 nobody answers; 1 anything else.
${examples('status', 'status --endpoints http://10.0.0.1:2379 --json', 'status >/dev/null || page-somebody')}`

/** Adds the command. */
export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .description(
      'show members, leader, term, indexes, lag, memory and alarms; the exit status says whether all is well',
    )
    .option('--json', 'as one line of JSON; also -o json')
    .addHelpText('after', HELP)
    .action(async () => {
      process.exitCode = await run(command.optsWithGlobals())
    })
}

async function run(words: StatusWords): Promise<number> {
  try {
    const options = { timeoutMs: TIMEOUT_MS_DEFAULT, ...(await connectionOf(words)), retry: { attemptsMax: 3 } }
    await using client = new MusterClient(options)
    const report = await reportOn(client, new PublishedUrls(client.endpoints))
    const asJson = words.json === true || words.output === 'json'
    process.stdout.write(asJson ? `${JSON.stringify(report)}\n` : renderStatus(report))
    return report.healthy ? EXIT.well : EXIT.unwell
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError) throw error
    process.stderr.write(`muster: ${failureText(error)}\n`)
    return error instanceof ClientError && UNASKED.has(error.code) ? EXIT.noConnection : EXIT.wrong
  }
}

async function reportOn(client: MusterClient, published: PublishedUrls): Promise<ClusterReport> {
  const members = await client.members.list()
  const asked = await Promise.all(members.map((member) => askMember(client, published, member)))
  const farthest = Math.max(0, ...asked.map(({ status }) => status?.raftIndex ?? 0))
  const reports = asked.map((member) => {
    const index = member.status?.raftIndex ?? 0
    const lag = index === 0 ? undefined : farthest - index
    const isBehind = member.problem === '' && lag !== undefined && lag > LAG_MAX
    return isBehind ? { ...member, lag, problem: `is ${lag} entries behind` } : { ...member, lag }
  })
  const alive = reports.flatMap(({ status }) => (status === undefined ? [] : [status]))
  const leader = mostCommon(alive.map((status) => status.leader))
  const teller = alive.find(({ member }) => member.id === leader) ?? alive[0]
  const alarms = alarmsOf(reports, alive, leader)
  return {
    healthy: alarms.length === 0,
    clusterId: alive.map(({ clusterId }) => clusterId).find((id) => id !== '') ?? '',
    leader,
    term: Math.max(0, ...alive.map(({ term }) => term)),
    storeIndex: Math.max(0, ...alive.map(({ storeIndex }) => storeIndex)),
    members: reports.map((report) => ({ ...report, learner: teller?.learners.includes(report.id) === true })),
    alarms,
  }
}

type Asked = Omit<MemberReport, 'lag' | 'learner'>

interface Listed {
  readonly id: string
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
}

/** Asks a member at the first of its URLs where it answers. */
async function askMember(
  client: MusterClient,
  published: PublishedUrls,
  { id, name, peerURLs, clientURLs }: Listed,
): Promise<Asked> {
  const silent = { status: undefined, healthy: false, memoryBytes: undefined, storageBytes: undefined }
  let problem = name === '' ? 'was added and has not started' : 'publishes no client URL'
  for (const endpoint of clientURLs) {
    if (!published.mayAsk(endpoint)) {
      problem = `cannot be asked: it publishes ${endpoint}, and the endpoints given are https`
      continue
    }
    try {
      const status = await client.status({ endpoint })
      const [healthy, sizes] = await Promise.all([isHealthy(client, endpoint), sizesOf(client, endpoint)])
      const storageBytes = status.dataBytes ?? sizes.storageBytes
      const own = { id, name, peerURLs, clientURLs, status, healthy, ...sizes, storageBytes }
      return { ...own, problem: healthy ? '' : 'says that it is not healthy' }
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      problem = `cannot be asked: ${error.message}`
    }
  }
  return { id, name, peerURLs, clientURLs, ...silent, problem }
}

async function isHealthy(client: MusterClient, endpoint: string): Promise<boolean> {
  try {
    const { status, text } = await client.request('GET', '/health', { endpoint })
    return status === 200 && /"health":\s*"?true"?/.test(text)
  } catch (error) {
    if (error instanceof ClientError) return false
    throw error
  }
}

async function sizesOf(
  client: MusterClient,
  endpoint: string,
): Promise<{ readonly memoryBytes: number | undefined; readonly storageBytes: number | undefined }> {
  try {
    const { text } = await client.request('GET', '/metrics', { endpoint })
    const memoryBytes = metric(text, 'process_resident_memory_bytes')
    return { memoryBytes, storageBytes: metric(text, 'etcd_mvcc_db_total_size_in_bytes') }
  } catch (error) {
    if (error instanceof ClientError) return { memoryBytes: undefined, storageBytes: undefined }
    throw error
  }
}

function metric(text: string, name: string): number | undefined {
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]
  return value === undefined || value.toLowerCase() === 'nan' ? undefined : Number(value)
}

function alarmsOf(members: readonly Asked[], alive: readonly Status[], leader: string | undefined): readonly string[] {
  const alarms = members
    .filter(({ problem }) => problem !== '')
    .map(({ id, name, problem }) => `member ${name === '' ? id : name} ${problem}`)
  if (leader === undefined) alarms.push('no member knows a leader: writes fail until one is elected')
  else if (alive.some((status) => status.leader !== leader)) alarms.push('members follow different leaders, or none')
  if (alive.length * 2 <= members.length) {
    alarms.push(`only ${alive.length} of ${members.length} members can be asked: there may be no majority`)
  }
  if (new Set(alive.map(({ clusterId }) => clusterId).filter((id) => id !== '')).size > 1) {
    alarms.push('members of different clusters answer: look at their URLs')
  }
  if (new Set(alive.map(({ version }) => version)).size > 1) alarms.push('members run different versions')
  return alarms
}

function mostCommon(leaders: readonly (string | undefined)[]): string | undefined {
  const counts = new Map<string, number>()
  for (const leader of leaders) if (leader !== undefined) counts.set(leader, (counts.get(leader) ?? 0) + 1)
  return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0]
}
