/**
 * The version of this package, as `--version` prints it.
 *
 * Owns: finding `package.json` from the sources as well as from `dist/`.
 */
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'

/** For example `0.1.0`; `unknown` when the package's description was not shipped with it. */
export function packageVersion(): string {
  const path = findPackageJSON(import.meta.url)
  if (path === undefined) return 'unknown'
  const description: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const version = (description as { readonly version?: unknown }).version
  return typeof version === 'string' ? version : 'unknown'
}
