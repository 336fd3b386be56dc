/**
 * Key paths: cleaning, walking upwards, prefix and hidden tests.
 *
 * Owns: what a canonical path is (`/`, `/a/b`, and `0/…` for the reserved subtree). Leaves to others: percent-decoding
 * and redirects (HTTP), the nodes that paths lead to (keyspace).
 */

/** The root of the keys that clients see. */
export const ROOT = '/'

/** The root of the reserved subtree. No path of the keys API can begin with it: those begin with `/`. */
export const RESERVED_ROOT = '0'

/**
 * Turns what followed `/v2/keys` in a decoded request path into a canonical path.
 *
 * Resolves `.` and `..` (never above the root), drops repeated and trailing slashes, adds the leading one.
 * `''` and `'/'` are the root.
 */
export function cleanPath(decoded: string): string {
  if (isClean(decoded)) return decoded
  const kept: string[] = []
  for (const segment of decoded.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') kept.pop()
    else kept.push(segment)
  }
  return `/${kept.join('/')}`
}

/** True when `path` is canonical already and belongs to the keys that clients see. */
export function isClean(path: string): boolean {
  if (path.charCodeAt(0) !== 47) return false
  if (path.length === 1) return true
  if (path.charCodeAt(path.length - 1) === 47 || path.includes('//')) return false
  return !path.includes('/.') || !/\/\.\.?(?:\/|$)/.test(path)
}

/** The directory that holds `path`: `/a` for `/a/b`, `/` for `/a`. The root of a subtree is its own parent. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/')
  if (slash > 0) return path.slice(0, slash)
  return slash === 0 ? ROOT : path
}

/** The path of child `name` of `directory`. */
export function childPath(directory: string, name: string): string {
  return directory === ROOT ? `/${name}` : `${directory}/${name}`
}

/** True when `key` lies below `directory`, by whole segments; not for `directory` itself. */
export function isBelow(directory: string, key: string): boolean {
  if (directory === ROOT) return key.length > 1 && key.charCodeAt(0) === 47
  const length = directory.length
  return key.length > length && key.charCodeAt(length) === 47 && key.startsWith(directory)
}

/**
 * True when the part of `key` below `watchPath` has a component that starts with `_`; a recursive watcher on
 * `watchPath` must then not see it (API page, 5.5). `key` equals `watchPath` or lies below it.
 */
export function isHiddenBelow(watchPath: string, key: string): boolean {
  return key.indexOf('/_', watchPath === ROOT ? 0 : watchPath.length) >= 0
}

/**
 * The same text in a string of its own.
 *
 * V8 keeps a slice of 13 or more characters as a window on the whole string it was cut from, so a short name that is
 * kept in the tree could keep a large request alive.
 */
export function ownString(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'utf8').toString('utf8')
}
