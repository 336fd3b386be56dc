/**
 * What came of each client in each setup, for the matrix in COMPATIBILITY.md.
 *
 * Owns: the names, and writing one file per passed test into the folder that `CLIENT_RESULTS` names. A test that failed, or did not
 * run, leaves nothing.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Columns of the matrix. */
export const SETUPS = ['one', 'three', 'tls', 'auth'] as const
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

/** Notes that everything held. Call it last in a test. */
export function notePassed(result: Result): void {
  const folder = process.env['CLIENT_RESULTS']
  if (folder === undefined) return
  writeFileSync(join(folder, `${result.client}.${result.setup}.json`), JSON.stringify(result))
}
