/** What the watchers' process is told, and what it says: shared by rows/watch.ts and watch-worker.ts. */

export interface WatchSpec {
  /** Of the member that is watched and written to, without a path. */
  readonly url: string
  readonly watchers: number
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly valueBytes: number
}

/** `ready` after the warm-up, and it waits for a message before it begins; `done` at the end. */
export type WatchMessage =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'done'
      readonly events: number
      readonly writes: number
      readonly seconds: number
      readonly cpuMicros: number
      readonly errors: readonly string[]
    }
