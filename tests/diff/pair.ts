/**
 * The two servers that are compared: a real etcd 3.4 and a musterd, one member each, on data in memory where there is any.
 *
 * Owns: starting and ending them, their connections, and that both stand at the same index before a sequence begins, so
 * that indexes need no translation: whatever shows one shows the same number.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MemberProcess, planMembers } from '../support/member-process.ts'
import { headerOf, type Received, Wire } from './wire.ts'

/** The only origin that both allow. etcd 3.4 allows all unless it is given a list; muster none. */
export const ORIGIN = 'http://a.example:8080'
/** How many events both keep. etcd cannot keep more or fewer. */
const HISTORY_EVENTS = 1000
/** How far before a try its watches may begin. */
const LOOK_BACK_MAX = 20

/** Where indexes are brought level: hidden, so that no listing shows it. */
export const LEVEL = '/v2/keys/_level'
const ANSWER_MS_MAX = 10_000

/** Why there is no etcd to compare with; undefined when there is one. */
export function whyNoEtcd(): string | undefined {
  try {
    const version = execFileSync('etcd', ['--version'], { encoding: 'utf8' }).split('\n', 1)[0] ?? ''
    return version.startsWith('etcd Version: 3.4.') ? undefined : `${version} is not 3.4`
  } catch {
    return 'there is no program etcd here'
  }
}

/** One of the two. */
export class Side {
  readonly name: 'etcd' | 'muster'
  readonly port: number
  readonly peerPort: number
  #wire: Wire | undefined

  constructor(name: 'etcd' | 'muster', port: number, peerPort: number) {
    this.name = name
    this.port = port
    this.peerPort = peerPort
  }

  /**
   * A new connection that has carried a request already: the first bytes of a connection meet what 3.4 puts before its HTTP
   * server to tell protocols apart, and later ones do not.
   */
  async connect(): Promise<Wire> {
    const wire = await Wire.open(this.port)
    wire.send('GET /health HTTP/1.1\r\nHost: a\r\n\r\n')
    const answer = await wire.answer(false, ANSWER_MS_MAX)
    if (answer.kind !== 'answer') throw new Error(`${this.name} does not answer: ${JSON.stringify(answer)}`)
    return wire
  }

  /** The connection that requests use one after the other. */
  async wire(): Promise<Wire> {
    if (this.#wire?.ended === true) this.drop()
    this.#wire ??= await this.connect()
    return this.#wire
  }

  /** Gives the connection up; the next request opens another one. */
  drop(): void {
    this.#wire?.close()
    this.#wire = undefined
  }

  /** Sends a request on the connection, and takes its answer. */
  async ask(text: string, msMax = ANSWER_MS_MAX): Promise<Received> {
    const wire = await this.wire()
    wire.send(text)
    const received = await wire.answer(text.startsWith('HEAD '), msMax)
    // Some close without saying so first, or send a body where none may be: both say that this was the last answer.
    if (received.kind !== 'answer' || headerOf(received, 'connection') === 'close') this.drop()
    return received
  }

  /** The present index. */
  async index(): Promise<number> {
    const answer = await this.ask('HEAD /v2/keys/ HTTP/1.1\r\nHost: a\r\n\r\n')
    const index = answer.kind === 'answer' ? headerOf(answer, 'x-etcd-index') : undefined
    if (index === undefined) throw new Error(`${this.name} tells no index: ${JSON.stringify(answer)}`)
    return Number(index)
  }

  /** Takes away everything that a listing of the root shows. */
  async clear(): Promise<void> {
    const root = await this.ask('GET /v2/keys/ HTTP/1.1\r\nHost: a\r\n\r\n')
    const keys = root.kind === 'answer' ? keysOf(root.body) : []
    for (const key of keys) {
      await this.ask(`DELETE /v2/keys${pathOf(key)}?recursive=true HTTP/1.1\r\nHost: a\r\n\r\n`)
    }
  }

  /** Takes `count` indexes. */
  async step(count: number): Promise<void> {
    const wire = await this.wire()
    const request = `PUT ${LEVEL} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`
    for (let left = count; left > 0; left -= 50) {
      const some = Math.min(left, 50)
      wire.send(request.repeat(some))
      for (let n = 0; n < some; n += 1) await wire.answer(false, ANSWER_MS_MAX)
    }
  }
}

function keysOf(body: string): string[] {
  const { node } = JSON.parse(body) as { readonly node: { readonly nodes?: readonly { readonly key: string }[] } }
  // Later watches may look back at what is done to them, and listings are in any order.
  return (node.nodes ?? []).map(({ key }) => Buffer.from(key, 'latin1').toString()).sort()
}

function pathOf(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

/** Both servers, and what is known of them. */
export class Pair {
  readonly etcd: Side
  readonly muster: Side
  readonly #processes: readonly Child[]
  readonly #folder: string
  #prefixes = 0
  #areApart = false
  #sharedIndex = 0

  private constructor(etcd: Side, muster: Side, processes: readonly Child[], folder: string) {
    this.etcd = etcd
    this.muster = muster
    this.#processes = processes
    this.#folder = folder
  }

  /** Starts both, with a history that is full. @param musterArgs further words for musterd. */
  static async start(musterArgs: readonly string[] = []): Promise<Pair> {
    const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
    const folder = await mkdtemp(join(base, 'muster-diff-'))
    const [spec] = await planMembers(['default'], folder, [
      ...['--event-history', `${HISTORY_EVENTS}`, '--cors', ORIGIN],
      ...musterArgs,
    ])
    if (spec === undefined) throw new Error('no member was planned')
    const member = new MemberProcess(spec)
    member.spawn()
    const etcd = new Side('etcd', await freePort(), await freePort())
    const clients = `http://127.0.0.1:${etcd.port}`
    const peers = `http://127.0.0.1:${etcd.peerPort}`
    const program = new Child('etcd', [
      ...['--enable-v2=true', '--log-level', 'error', '--cors', ORIGIN, '--data-dir', join(folder, 'etcd')],
      ...['--listen-client-urls', clients, '--advertise-client-urls', clients],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers, '--initial-cluster', `default=${peers}`],
    ])
    const pair = new Pair(etcd, new Side('muster', spec.clientPort, spec.peerPort), [program, member.child], folder)
    try {
      await member.untilReady()
      await eventually('etcd to serve', async () => (await fetch(`${clients}/health`)).status === 200)
      const index = await etcd.index()
      await etcd.step(HISTORY_EVENTS + 100)
      await pair.muster.step(Math.max(1, index + HISTORY_EVENTS + 100 - (await pair.muster.index())))
      return pair
    } catch (error) {
      await pair.end()
      throw error
    }
  }

  /** Ends both and removes their data. */
  async end(): Promise<void> {
    this.etcd.drop()
    this.muster.drop()
    for (const child of this.#processes) await child.end()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }

  /** Both still run. */
  get alive(): boolean {
    return this.#processes.every(({ exit }) => exit === undefined)
  }

  /** A name that no sequence has used. Always as long as the others. */
  freshPrefix(): string {
    this.#prefixes += 1
    return `t${`${this.#prefixes}`.padStart(7, '0')}`
  }

  /** From here on both have the same history, but for what is hidden. */
  get sharedIndex(): number {
    return this.#sharedIndex
  }

  /** What the two hold is not the same any more: no later try may look back at it. */
  part(): void {
    this.#areApart = true
  }

  /** Empties both, brings both to the same index, and returns that. */
  async level(): Promise<number> {
    await Promise.all([this.etcd.clear(), this.muster.clear()])
    const [etcd, muster] = await Promise.all([this.etcd.index(), this.muster.index()])
    const wereApart = this.#areApart || etcd !== muster
    const index = Math.max(etcd, muster) + (wereApart ? LOOK_BACK_MAX : 0)
    this.#areApart = false
    if (wereApart) this.#sharedIndex = index
    await Promise.all([this.etcd.step(index - etcd), this.muster.step(index - muster)])
    return index
  }
}
