/**
 * The JSON of answers as text: parts of it are compared, moved or masked, and never parsed and written again, since how it
 * is written is what is compared.
 *
 * Owns: listings in the order of their keys, times and what remains of them.
 */

/** Sorts the children in every listing, by their text; etcd lists in any order unless asked to sort. */
export function inOneOrder(text: string): string {
  const at = text.indexOf('"nodes":[')
  if (at < 0) return text
  const start = at + '"nodes":['.length
  const parts: string[] = []
  let from = start
  let depth = 0
  for (let end = start; end < text.length; end += 1) {
    const char = text[end]
    if (char === '"') end = endOfString(text, end)
    else if (char === '{' || char === '[') depth += 1
    else if (depth > 0 && (char === '}' || char === ']')) depth -= 1
    else if (depth === 0 && (char === ',' || char === ']')) {
      parts.push(inOneOrder(text.slice(from, end)))
      from = end + 1
      if (char === ']') return text.slice(0, start) + parts.sort().join(',') + text.slice(end)
    }
  }
  return text
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

/** When something expires, as an answer shows it. */
export interface Expiration {
  readonly text: string
  /** Undefined: not shown. Seconds. */
  readonly ttl: number | undefined
}

const EXPIRATION = /"expiration":"([^"]*)"(?:,"ttl":(-?\d+))?/g

/** All that is said about expiration, in order. */
export function expirationsOf(text: string): Expiration[] {
  return [...text.matchAll(EXPIRATION)].map(([, time = '', ttl]) => {
    return { text: time, ttl: ttl === undefined ? undefined : Number(ttl) }
  })
}

/** The same text with each of them as `"expiration":"*"`. */
export function withoutExpirations(text: string): string {
  return text.replace(EXPIRATION, '"expiration":"*"')
}
