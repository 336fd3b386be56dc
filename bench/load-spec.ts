/** What load is asked for and what comes back: shared by load.ts and the worker process. */

/** A load: so many connections, each with one request at a time. */
export interface LoadSpec {
  /** Of one member, without a path. */
  readonly url: string
  readonly method: 'PUT' | 'GET'
  readonly connections: number
  readonly seconds: number
  /** Requests go round over so many keys. */
  readonly keys: number
  /** `flat`: `/v2/keys/bench/N`. `nested`: `/v2/keys/bulk/N/1000/N`, which only our worker can do. */
  readonly layout: 'flat' | 'nested'
  readonly valueBytes: number
  /** Appended to each path; empty or beginning with `?`. */
  readonly query: string
  /** The header of that name; missing: none is sent. */
  readonly authorization?: string
  /** Ends after so many operations and not by the time. Only our worker can do this. */
  readonly operationsMax?: number
}

/** What a load did. */
export interface LoadResult {
  readonly operations: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers of 400 and above, timeouts, and failures of connections. */
  readonly errors: number
}
