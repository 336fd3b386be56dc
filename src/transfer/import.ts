/**
 * Copies the keys of a running cluster, and follows its changes until it is time to leave it.
 *
 * Owns: the order of things: know where the source stands, copy, follow, compare; beginning anew when changes were lost;
 * the end. Leaves to others: each of those (copy, feed, apply, verify).
 */
import type { MusterClient } from '../client/client.ts'
import { ClientError } from '../client/errors.ts'
import type { EventJson } from '../client/node.ts'
import { applyEvents } from './apply.ts'
import { isOneCluster } from './circle.ts'
import { type CopyResult, copyTree } from './copy.ts'
import { EventQueue } from './event-queue.ts'
import { Feed } from './feed.ts'
import { HiddenPlaces, WELL_KNOWN } from './hidden.ts'
import { noteHidden, searchHidden } from './hidden-search.ts'
import { LiveTree, requireThere } from './live-tree.ts'
import { NodeTable } from './node-table.ts'
import { Patience } from './patience.ts'
import { type Counts, newCounts, type Report } from './progress.ts'
import type { Steering } from './steering.ts'
import { advanceIndex, type MovedIndex, moveIndex } from './store-index.ts'
import { type Refusal, Target } from './target.ts'
import type { PathMap, TreeNode } from './tree.ts'
import { TtlKeeper, type TtlKeeperPort } from './ttl-keeper.ts'
import { type Verdict, verifyTrees } from './verify.ts'

/** A listing that is cut is read again so often. */
const PASSES_MAX = 10
/** Comparisons, with a pass between them, until a difference counts. */
const VERDICTS_MAX = 2
/** Longest wait for a change before the end is considered again. Milliseconds. */
const LOOK_MS = 100
/** Late looks at keys with a TTL are told no more often than this. Milliseconds. */
const LATE_NOTE_MS = 5_000

export interface ImportOptions {
  readonly source: MusterClient
  readonly target: MusterClient
  readonly paths: PathMap
  /** Whether one listing of that side shows hidden keys (`listsHidden`). */
  readonly sourceListsHidden: boolean
  readonly targetListsHidden: boolean
  /** Hidden places that the user names, as paths of the source. */
  readonly hiddenPaths: readonly string[]
  readonly mirror: boolean
  readonly concurrency: number
  /** For how long a server that does not answer is waited for. Milliseconds. */
  readonly patienceMs: number
  /** How long nothing must have changed to count as quiet. Milliseconds. */
  readonly quietMs: number
  readonly steering: Steering
  readonly report: Report
  readonly counts?: Counts
  /** Ends everything at once; `run` rejects with its reason. */
  readonly signal: AbortSignal
}

export interface ImportResult {
  readonly verdict: Verdict
  readonly index: MovedIndex
  readonly refused: readonly Refusal[]
  readonly refusedCount: number
}

/** One import from a live cluster. */
export class LiveImport {
  readonly #options: ImportOptions
  readonly #counts: Counts
  readonly #table = new NodeTable()
  readonly #ttls = new TtlKeeper()
  readonly #hidden: HiddenPlaces
  readonly #target: Target
  readonly #sourcePatience: Patience
  readonly #sourceTree: LiveTree
  readonly #targetTree: LiveTree
  /** Ends what runs beside: the feed, the keeper of TTLs. */
  readonly #over = new AbortController()
  #failure: { readonly error: unknown } | undefined
  #hasNewPlaces = false
  /** Source and target are one cluster: its indexes are what they should be. */
  #isCircle = false
  #lastChangeMs = performance.now()
  #lateMs = Number.NEGATIVE_INFINITY

  constructor(options: ImportOptions) {
    const { source, target, paths, report, patienceMs } = options
    this.#options = options
    this.#counts = options.counts ?? newCounts()
    const signal = AbortSignal.any([options.signal, this.#over.signal])
    const patience = (side: 'source' | 'target'): Patience =>
      new Patience(side, patienceMs, signal, (error) => report.note('waiting', `the ${side}: ${error.message}`))
    this.#sourcePatience = patience('source')
    this.#target = new Target(target, patience('target'))
    this.#hidden = new HiddenPlaces([...WELL_KNOWN, ...options.hiddenPaths], paths.from)
    const listsHidden = options.sourceListsHidden
    const tree = { paths, hidden: this.#hidden }
    this.#sourceTree = new LiveTree({
      ...tree,
      client: source,
      side: 'source',
      listsHidden,
      patience: this.#sourcePatience,
    })
    this.#targetTree = new LiveTree({
      ...tree,
      client: target,
      side: 'target',
      // What the source would not list must not look like something that is too much.
      listsHidden: listsHidden && options.targetListsHidden,
      patience: this.#target.patience,
    })
  }

  /**
   * Copies, follows as long as `steering` wishes, compares.
   * @throws TransferError when a side is gone; ClientError that waiting will not mend; the signal's reason.
   */
  async run(): Promise<ImportResult> {
    const { source, target, paths, signal, report } = this.#options
    report.phase('looking')
    // Without patience: a wrong address should be told at once.
    const [from, to] = await Promise.all([source.position({ signal }), target.position({ signal })])
    await this.#refuseCircle(from.clusterId, to.clusterId)
    await requireThere(source, paths.from, { signal })
    // From the first copied key on, so that clients which look at both sides never see an index go back.
    if (!this.#isCircle && to.index < from.index) await advanceIndex(this.#target, from.index, this.#counts)
    const keeping = this.#beside(this.#ttls.run(this.#keeperPort(), this.#over.signal))
    try {
      if (this.#options.sourceListsHidden && !this.#options.targetListsHidden) await this.#findHidden()
      for (let isFirst = true; ; isFirst = false) {
        const verdict = await this.#attempt(isFirst)
        if (verdict !== undefined) return await this.#result(verdict)
      }
    } finally {
      this.#over.abort()
      await keeping
    }
  }

  /** Reads the source for its hidden places, each of which has to be asked for at the target. */
  async #findHidden(): Promise<void> {
    await this.#patiently(async () => {
      const { nodes } = await this.#sourceTree.list(this.#options.signal)
      for await (const _ of nodes) this.#check()
    })
  }

  /** What is copied into itself would be a change to copy. */
  async #refuseCircle(from: string, to: string): Promise<void> {
    const { source, target, paths, signal } = this.#options
    if (from !== to) return
    const overlap = paths.toTarget(paths.to) !== undefined || paths.toSource(paths.from) !== undefined
    this.#isCircle = await isOneCluster(source, target, signal)
    if (this.#isCircle && overlap)
      throw new RangeError(`source and target are the same cluster, and "${paths.to}" lies in what is copied`)
  }

  /** Copies and follows until the end, or until changes were lost: undefined. */
  async #attempt(isFirst: boolean): Promise<Verdict | undefined> {
    const { report, signal, sourceListsHidden, targetListsHidden } = this.#options
    const ending = new AbortController()
    const { feed, queue, feeding } = await this.#startFeed(isFirst, AbortSignal.any([signal, ending.signal]))
    try {
      report.phase('copying')
      const copied = await this.#copy()
      if (this.#hidden.missed > 0 && !(sourceListsHidden && targetListsHidden)) {
        const what = sourceListsHidden ? 'copied, and cannot be compared' : 'not looked for'
        report.note('hidden-bound', `more than ${this.#hidden.all.length} hidden places: others are ${what}`)
      }
      if (this.#ttls.missed > 0) {
        report.note('ttl-bound', `${this.#ttls.missed} keys with a TTL are too many to be kept fresh between passes`)
      }
      report.phase('following')
      return await this.#follow(feed, queue, copied)
    } finally {
      ending.abort()
      await feeding
    }
  }

  async #startFeed(
    isFirst: boolean,
    signal: AbortSignal,
  ): Promise<{ feed: Feed; queue: EventQueue; feeding: Promise<void> }> {
    const { source, paths, sourceListsHidden } = this.#options
    const fromIndex = isFirst && !sourceListsHidden ? await this.#searchHidden() : (await this.#position()) + 1
    const queue = new EventQueue()
    const feed = new Feed({
      source,
      path: paths.from,
      fromIndex,
      queue,
      patience: this.#sourcePatience,
      onEvent: (event) => this.#onEvent(event),
    })
    return { feed, queue, feeding: this.#beside(feed.run(signal)) }
  }

  #searchHidden(): Promise<number> {
    const { source, paths, report, signal } = this.#options
    const [patience, hidden] = [this.#sourcePatience, this.#hidden]
    return searchHidden({ source, path: paths.from, patience, hidden, report, signal })
  }

  #copy(): Promise<CopyResult> {
    const { mirror, concurrency, signal } = this.#options
    return this.#patiently(() => {
      this.#hasNewPlaces = false
      return copyTree({
        source: this.#sourceTree,
        targetTree: this.#targetTree,
        target: this.#target,
        table: this.#table,
        mirror,
        concurrency,
        counts: this.#counts,
        ttls: this.#ttls,
        signal,
      })
    })
  }

  /** A pass over a tree, again when a listing was cut off. */
  async #patiently<T>(pass: () => Promise<T>): Promise<T> {
    const { report } = this.#options
    for (let passes = 1; ; passes += 1) {
      try {
        return await pass()
      } catch (error) {
        if (passes >= PASSES_MAX || !(error instanceof ClientError) || !error.retriable) throw error
        report.note('waiting', error.message)
      }
    }
  }

  /** Carries changes over until the end, and compares. Undefined: changes were lost. */
  async #follow(feed: Feed, queue: EventQueue, copied: CopyResult): Promise<Verdict | undefined> {
    const { target, paths, steering } = { ...this.#options, target: this.#target }
    const { mirror, concurrency, report } = this.#options
    const own = { targetTree: this.#targetTree, table: this.#table, counts: this.#counts, ttls: this.#ttls }
    const options = { target, paths, mirror, concurrency, ...own }
    let goal: number | undefined
    let saidQuiet = false
    let verdicts = 0
    let verifying: Promise<void> | undefined
    let verdict: Verdict | undefined
    let since = copied.index
    for (;;) {
      this.#check()
      if (queue.lost !== undefined) {
        report.note('resync', `${queue.lost}; comparing everything anew`)
        await verifying
        return undefined
      }
      const events = queue.take().filter(({ index }) => index > since)
      this.#counts.behind = events.length + feed.behind
      if (events.length > 0) await applyEvents(events, options)
      if (this.#hasNewPlaces && verifying === undefined) since = Math.max(since, (await this.#copy()).index)
      if (verdict !== undefined) {
        if (verdict.equal || verdicts >= VERDICTS_MAX) return verdict
        verdict = undefined
        since = Math.max(since, (await this.#copy()).index)
      }
      if (steering.wish === 'quiet' && !saidQuiet) {
        saidQuiet = true
        report.note('quiet', 'waiting until nothing changes at the source')
      }
      if (queue.length === 0 && verifying === undefined) {
        goal ??= steering.wish === 'now' ? await this.#position() : undefined
        if (this.#mayEnd(feed, goal)) {
          // muster tells no watcher of hidden keys, so their last changes come with a pass.
          if (this.#options.sourceListsHidden) since = Math.max(since, (await this.#copy()).index)
          report.phase('verifying')
          verdicts += 1
          const comparing = this.#verify().then((found) => {
            verdict = found
            verifying = undefined
          })
          verifying = this.#beside(comparing)
        }
      }
      await queue.changed(LOOK_MS)
    }
  }

  #mayEnd(feed: Feed, goal: number | undefined): boolean {
    const { steering, quietMs } = this.#options
    if (goal !== undefined) return feed.nextIndex > goal
    if (steering.wish !== 'quiet') return false
    return feed.behind === 0 && performance.now() - this.#lastChangeMs >= quietMs
  }

  async #position(): Promise<number> {
    const { source } = this.#options
    return (await this.#sourcePatience.ask((signal) => source.position({ signal }))).index
  }

  #verify(): Promise<Verdict> {
    const { mirror, signal } = this.#options
    return verifyTrees({
      source: this.#sourceTree,
      targetTree: this.#targetTree,
      table: this.#table,
      mirror,
      peek: {
        source: (path) => this.#peekSource(path),
        target: (path) => this.#target.peek(path),
      },
      isRefused: (path) => this.#target.isRefused(path),
      counts: this.#counts,
      signal,
    })
  }

  async #peekSource(path: string): Promise<TreeNode | undefined> {
    const { source, paths } = this.#options
    const from = paths.toSource(path)
    if (from === undefined) return undefined
    const node = await this.#sourcePatience.ask((signal) => source.peek(from, { signal }))
    return node === undefined ? undefined : { ...node, path }
  }

  #keeperPort(): TtlKeeperPort {
    return {
      lookUp: (path: string) => this.#peekSource(path),
      refresh: async (node: TreeNode, ttlSeconds: number): Promise<void> => {
        if (!(await this.#target.refresh(node, ttlSeconds))) await this.#target.putAgain(node)
      },
      late: (count: number): void => {
        const nowMs = performance.now()
        if (nowMs - this.#lateMs < LATE_NOTE_MS) return
        this.#lateMs = nowMs
        const text = `${count} looks at keys with a TTL came late: copies may fall due while the originals live on`
        this.#options.report.note('ttl-late', text)
      },
    }
  }

  #onEvent(event: EventJson): void {
    this.#lastChangeMs = performance.now()
    const { sourceListsHidden, report } = this.#options
    if (!sourceListsHidden && noteHidden(event.node.key ?? '/', this.#hidden, report)) this.#hasNewPlaces = true
  }

  /** Lets something run beside; its failure ends the import. */
  #beside(work: Promise<void>): Promise<void> {
    return work.catch((error: unknown) => {
      this.#failure ??= { error }
    })
  }

  #check(): void {
    this.#options.signal.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #result(verdict: Verdict): Promise<ImportResult> {
    const { concurrency, signal } = this.#options
    const target = this.#target
    const { inOrderIndex: inOrder } = verdict
    const source = await this.#position()
    const index = this.#isCircle
      ? { inOrder, source, target: source, isBegunAnew: false }
      : await moveIndex({ target, inOrder, source, concurrency, counts: this.#counts, signal })
    return { verdict, index, refused: target.refused, refusedCount: target.refusedCount }
  }
}
