/**
 * The transport: the set of remotes, and sending to them.
 *
 * Owns: which members we talk to, handing each turn's messages to their streams, snapshots on their way out. Leaves to
 * others: what comes in (`accept.ts`).
 */
import type { InstallSnapshot, Message } from '../raft/message.ts'
import type { MemberId } from '../raft/types.ts'
import type { Transport } from '../replica/ports.ts'
import { FrameEncoder } from './codec.ts'
import { PeerCounters } from './counters.ts'
import type { PeerTransportOptions } from './options.ts'
import { QuietLog } from './quiet-log.ts'
import { Remote, type RemoteStatus } from './remote.ts'
import { sendSnapshot } from './snapshot-send.ts'

export class PeerTransport implements Transport {
  /** What went over the wire in both directions; `PeerServer` adds what it receives. */
  readonly counters = new PeerCounters()
  readonly #options: PeerTransportOptions
  readonly #log: QuietLog
  readonly #remotes = new Map<MemberId, Remote>()
  readonly #encoder = new FrameEncoder()
  readonly #touched: Remote[] = []
  /** Remotes that nobody told us of: they came by themselves (`Greeting.guestUrls`). */
  readonly #guests = new Set<MemberId>()
  /** Gives up the snapshot that is on its way to a remote. */
  readonly #snapshots = new Map<MemberId, () => void>()
  readonly #closings = new Set<Promise<void>>()
  #isClosed = false
  #remotesChanged: () => void = () => {}

  constructor(options: PeerTransportOptions) {
    this.#options = options
    this.#log = new QuietLog(options.log, options.clock)
  }

  send(messages: readonly Message[]): void {
    const touched = this.#touched
    for (const message of messages) {
      const remote = this.#remotes.get(message.to)
      if (remote === undefined) this.#dropUnknown(message)
      else if (remote.add(message)) touched.push(remote)
    }
    for (const remote of touched) remote.flush(this.#encoder)
    touched.length = 0
    this.#encoder.forget()
  }

  setRemotes(remotes: ReadonlyMap<MemberId, readonly string[]>): void {
    if (this.#isClosed) return
    for (const [id, remote] of this.#remotes) {
      if (remotes.has(id)) this.#guests.delete(id)
      else if (!this.#guests.has(id)) this.#forget(remote)
    }
    this.counters.keepOnly(this.#guests.size === 0 ? remotes : new Set([...remotes.keys(), ...this.#guests]))
    this.#remotesChanged()
    for (const [id, urls] of remotes) {
      if (id === this.#options.identity.memberId || urls.length === 0) continue
      const known = this.#remotes.get(id)
      if (known === undefined) this.#open(id, urls)
      else known.setUrls(urls)
    }
  }

  /** A member that nobody told us of has opened a stream to us: we answer it at these URLs from now on. False: there are too many such. */
  welcome(id: MemberId, urls: readonly string[]): boolean {
    if (this.#isClosed) return false
    const known = this.#remotes.get(id)
    if (known !== undefined) {
      // Of others we are told where they are by the member list, which may be ahead of what they say.
      if (this.#guests.has(id)) known.setUrls(urls)
      return true
    }
    if (this.#guests.size >= this.#options.limits.guestsMax) return false
    this.#guests.add(id)
    this.#open(id, urls)
    return true
  }

  /** Whether we talk to `id` only because it came by itself. */
  isGuest(id: MemberId): boolean {
    return this.#guests.has(id)
  }

  /** Its stream to us has ended: one that nobody told us of meanwhile is forgotten. */
  leftBy(id: MemberId): void {
    const remote = this.#remotes.get(id)
    if (!this.#guests.delete(id)) return
    if (remote !== undefined) this.#forget(remote)
    this.counters.forget(id)
  }

  sendSnapshot(to: MemberId, message: Message): void {
    const remote = this.#remotes.get(to)
    if (remote === undefined || this.#isClosed || this.#snapshots.has(to)) {
      queueMicrotask(() => this.#reportSnapshot(to, false))
      return
    }
    let isOver = (): void => {}
    this.#hold(
      new Promise<void>((resolve) => {
        isOver = resolve
      }),
    )
    const giveUp = sendSnapshot(this.#options, remote.url, message as InstallSnapshot, (error) => {
      isOver()
      this.#snapshots.delete(to)
      if (error !== undefined) {
        const { code } = error
        const fields = { remote: to, url: remote.url, code, reason: error.message }
        this.#log.warn(to, `snapshot ${code}`, fields, 'a snapshot did not reach another member')
      }
      this.#reportSnapshot(to, error === undefined)
    })
    this.#snapshots.set(to, giveUp)
  }

  /** The member dialled us: it is there, so our own stream to it need not wait for the back-off. */
  heardFrom(id: MemberId): void {
    this.#remotes.get(id)?.dialNow()
  }

  /** `listener` is called inside `setRemotes`; there is one. */
  onRemotesChanged(listener: () => void): void {
    this.#remotesChanged = listener
  }

  status(): readonly RemoteStatus[] {
    return Array.from(this.#remotes.values(), (remote) => remote.status())
  }

  /** Ends every stream, timer and snapshot, within `closeMs`. No event follows the call. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const giveUp of this.#snapshots.values()) giveUp()
    for (const remote of this.#remotes.values()) this.#closeRemote(remote)
    this.#remotes.clear()
    await Promise.all(this.#closings)
  }

  #open(id: MemberId, urls: readonly string[]): void {
    const traffic = this.counters.of(id)
    this.#remotes.set(id, new Remote(id, urls, this.#options, this.#log, traffic, this.counters.total))
  }

  #forget(remote: Remote): void {
    this.#remotes.delete(remote.id)
    this.#snapshots.get(remote.id)?.()
    this.#closeRemote(remote)
  }

  #closeRemote(remote: Remote): void {
    this.#hold(new Promise<void>((resolve) => remote.close(resolve)))
  }

  /** Has `close` wait for it. */
  #hold(closing: Promise<void>): void {
    this.#closings.add(closing)
    void closing.then(() => this.#closings.delete(closing))
  }

  #dropUnknown(message: Message): void {
    this.counters.total.droppedMessages++
    const unsent = message.kind === 'propose' ? [message] : []
    queueMicrotask(() => {
      if (!this.#isClosed) this.#options.events.unreachable(message.to, unsent)
    })
  }

  #reportSnapshot(to: MemberId, ok: boolean): void {
    if (!this.#isClosed) this.#options.events.snapshotSent(to, ok)
  }
}
