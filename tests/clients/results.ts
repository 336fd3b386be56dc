/**
 * What came of each client in each setup, for the matrix in COMPATIBILITY.md.
 *
 * Owns: the names, and writing one file per passed test into the folder that `CLIENT_RESULTS` names. A test that failed, or did not
 * run, leaves nothing.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Columns of the matrix. */
export const SETUPS = ['one', 'three', 'tls', 'tlsThree', 'auth'] as const
export type Setup = (typeof SETUPS)[number]

/** Rows of the matrix. */
export const CLIENTS = ['etcdctl', 'python-etcd', 'node-etcd', 'Patroni'] as const
export type ClientName = (typeof CLIENTS)[number]

export interface Result {
  readonly client: ClientName
  /** As the client says it. */
  readonly version: string
  readonly setup: Setup
}

/** Notes that everything held, once the running test is over and has passed. */
export function noteWhenPassed(result: Result): void {
  const folder = process.env['CLIENT_RESULTS']
  if (folder === undefined) return
  onTestFinished(({ task }) => {
    if (task.result?.state !== 'pass') return
    writeFileSync(join(folder, `${result.client}.${result.setup}.json`), JSON.stringify(result))
  })
}
