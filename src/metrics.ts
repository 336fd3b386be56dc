/**
 * What a member counts and measures, in Prometheus text form.
 *
 * Owns: the registry, the names (those of etcd where they mean the same), and the counters of the hot path, which are plain
 * numbers that are only looked at when somebody scrapes. Leaves to others: counting.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/** Upper bounds of the buckets for requests, in seconds: etcd's. */
const REQUEST_BOUNDS_S = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048]
/** The same for writes to the disk. */
const SYNC_BOUNDS_S = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192]

/** How long something took, counted by buckets. */
class Durations {
  readonly #boundsS: readonly number[]
  readonly #buckets: number[]
  #sumMs = 0
  #count = 0

  constructor(boundsS: readonly number[]) {
    this.#boundsS = boundsS
    this.#buckets = boundsS.map(() => 0)
  }

  get count(): number {
    return this.#count
  }

  add(ms: number): void {
    this.#count += 1
    this.#sumMs += ms
    for (let at = 0; at < this.#boundsS.length; at += 1) {
      if (ms <= (this.#boundsS[at] as number) * 1000) {
        this.#buckets[at] = (this.#buckets[at] as number) + 1
        break
      }
    }
  }

  /** Prometheus text. @param labels As they stand between the braces; empty: none. */
  lines(name: string, labels: string): string[] {
    const before = labels === '' ? '' : `${labels},`
    const own = labels === '' ? '' : `{${labels}}`
    const lines: string[] = []
    let total = 0
    this.#boundsS.forEach((bound, at) => {
      total += this.#buckets[at] as number
      lines.push(`${name}_bucket{${before}le="${bound}"} ${total}`)
    })
    lines.push(`${name}_bucket{${before}le="+Inf"} ${this.#count}`)
    lines.push(`${name}_sum${own} ${this.#sumMs / 1000}`)
    lines.push(`${name}_count${own} ${this.#count}`)
    return lines
  }
}

/** Counts requests of the key space. `method` is the HTTP method, or `QGET` for a quorum read. */
export class RequestMeter {
  readonly #succeeded = new Map<string, Durations>()
  readonly #failed = new Map<string, number>()
  #watches = 0
  #proposalsFailed = 0

  /** A request was answered with what it asked for, `ms` after it was read. */
  succeeded(method: string, ms: number): void {
    let durations = this.#succeeded.get(method)
    if (durations === undefined) {
      durations = new Durations(REQUEST_BOUNDS_S)
      this.#succeeded.set(method, durations)
    }
    durations.add(ms)
  }

  /** A request was answered with an error. */
  failed(method: string, status: number): void {
    const labels = `method="${method}",code="${status}"`
    this.#failed.set(labels, (this.#failed.get(labels) ?? 0) + 1)
  }

  /** A watch was asked for. */
  watched(): void {
    this.#watches += 1
  }

  /** A write was not done as far as this member knows: no leader, no answer in time, no room. */
  proposalFailed(): void {
    this.#proposalsFailed += 1
  }

  /** Prometheus text. */
  text(): string {
    const received = new Map<string, number>()
    for (const [method, { count }] of this.#succeeded) received.set(method, count)
    for (const [labels, count] of this.#failed) {
      const method = labels.slice(8, labels.indexOf('"', 8))
      received.set(method, (received.get(method) ?? 0) + count)
    }
    const lines = [
      '# HELP etcd_http_received_total Requests to the key space that were answered, watches aside.',
      '# TYPE etcd_http_received_total counter',
      ...[...received].map(([method, count]) => `etcd_http_received_total{method="${method}"} ${count}`),
      '# HELP etcd_http_failed_total Those that were answered with an error.',
      '# TYPE etcd_http_failed_total counter',
      ...[...this.#failed].map(([labels, count]) => `etcd_http_failed_total{${labels}} ${count}`),
      '# HELP etcd_http_successful_duration_seconds Time from reading a request to answering it.',
      '# TYPE etcd_http_successful_duration_seconds histogram',
      ...[...this.#succeeded].flatMap(([method, durations]) => {
        return durations.lines('etcd_http_successful_duration_seconds', `method="${method}"`)
      }),
      '# HELP etcd_debugging_store_watch_requests_total Watches that were asked for.',
      '# TYPE etcd_debugging_store_watch_requests_total counter',
      `etcd_debugging_store_watch_requests_total ${this.#watches}`,
      '# HELP etcd_server_proposals_failed_total Writes whose fate this member could not tell its client, or refused.',
      '# TYPE etcd_server_proposals_failed_total counter',
      `etcd_server_proposals_failed_total ${this.#proposalsFailed}`,
    ]
    return `${lines.join('\n')}\n`
  }
}

/** Measures writes to the disk that were waited for. */
class SyncMeter {
  readonly #durations = new Durations(SYNC_BOUNDS_S)

  /** A write was on the disk `ms` after it was handed over. */
  synced(ms: number): void {
    this.#durations.add(ms)
  }

  /** Prometheus text. */
  text(): string {
    const name = 'etcd_disk_wal_fsync_duration_seconds'
    const head = [
      `# HELP ${name} Time until entries and votes of one turn were on the disk.`,
      `# TYPE ${name} histogram`,
    ]
    return `${[...head, ...this.#durations.lines(name, '')].join('\n')}\n`
  }
}

/** The metrics of one member. */
export class Metrics {
  /** Requests of the key space. */
  readonly requests = new RequestMeter()
  /** Writes to the disk. */
  readonly syncs = new SyncMeter()
  readonly #registry = new Registry()

  /** @param of Whether the process itself is measured, too. That never ends, so a process does it once. */
  constructor({ ofProcess = true }: { readonly ofProcess?: boolean } = {}) {
    if (!ofProcess) return
    // The delay of the loop is looked at every 50 ms: at the default of 10 ms that alone is a fifth of an idle member's CPU.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 50 })
  }

  /** A value that is read when somebody scrapes. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }

  /** A count that only grows and is read when somebody scrapes. */
  counter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }

  /** Values by labels; `read` gives them, each with its labels. */
  labelledGauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: () => Iterable<readonly [Readonly<Record<Label, string>>, number]>,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.set(labels, value)
      },
    })
  }

  /** A count by one label; `read` gives its values with their counts. */
  labelledCounter(name: string, help: string, label: string, read: () => Iterable<readonly [string, number]>): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [value, count] of read()) this.inc({ [label]: value }, count)
      },
    })
  }

  /** Everything in Prometheus text form 0.0.4. */
  async text(): Promise<string> {
    return (await this.#registry.metrics()) + this.requests.text() + this.syncs.text()
  }
}
