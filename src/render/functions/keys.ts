/**
 * What a template asks of the store: `get`, `getv`, `gets`, `getvs`, `exists`, `ls`, `lsdir`, as in confd, oddities included.
 *
 * Owns: a fixed view of the keys of one template. Leaves to others: where the view comes from.
 */
import { FunctionError } from '../template/errors.ts'
import type { TemplateFunction } from '../template/functions.ts'
import { compareBytes, Struct, type Value } from '../template/values.ts'
import { baseOf, cleanPath, dirOf, globTest, literalPrefix } from './glob.ts'

/** Keys with values at one moment, sorted by key. Directories are not in it. */
export class KeyView {
  readonly #values: ReadonlyMap<string, string>
  #sorted: readonly string[] | undefined

  /** @param values By key, each with a leading `/`, the prefix of the template taken off. */
  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values
  }

  get size(): number {
    return this.#values.size
  }

  get(key: string): string | undefined {
    return this.#values.get(key)
  }

  /** Keys that begin with this text, in order. */
  startingWith(prefix: string): readonly string[] {
    this.#sorted ??= [...this.#values.keys()].sort(compareBytes)
    const sorted = this.#sorted
    let low = 0
    for (let high = sorted.length; low < high; ) {
      const middle = (low + high) >> 1
      if (compareBytes(sorted[middle] as string, prefix) < 0) low = middle + 1
      else high = middle
    }
    let end = low
    while (end < sorted.length && (sorted[end] as string).startsWith(prefix)) end += 1
    return sorted.slice(low, end)
  }
}

/**
 * The functions on a view.
 *
 * @param missingIsEmpty `getv` and `get` of a key that is not there give an empty value instead of an error.
 */
export function keyFunctions(view: KeyView, missingIsEmpty: boolean): ReadonlyMap<string, TemplateFunction> {
  const mustGet = (key: string): string => {
    const value = view.get(key) ?? (missingIsEmpty ? '' : undefined)
    if (value === undefined) throw new FunctionError(`key does not exist: ${key}`)
    return value
  }
  return new Map<string, TemplateFunction>([
    ['exists', { parameters: ['string'], run: ([key]) => view.get(String(key)) !== undefined }],
    ['get', { parameters: ['string'], run: ([key]) => pair(String(key), mustGet(String(key))) }],
    [
      'getv',
      {
        parameters: ['string'],
        rest: 'string',
        run: ([key, other]) => view.get(String(key)) ?? other ?? mustGet(String(key)),
      },
    ],
    [
      'gets',
      {
        parameters: ['string'],
        run: ([pattern]) => matching(view, String(pattern)).map((key) => pair(key, mustGet(key))),
      },
    ],
    [
      'getvs',
      { parameters: ['string'], run: ([pattern]) => matching(view, String(pattern)).map(mustGet).sort(compareBytes) },
    ],
    ['ls', { parameters: ['string'], run: ([path]) => list(view, String(path)) }],
    ['lsdir', { parameters: ['string'], run: ([path]) => listDirectories(view, String(path)) }],
  ])
}

function pair(key: string, value: string): Struct {
  return new Struct('memkv.KVPair', { Key: key, Value: value })
}

function matching(view: KeyView, pattern: string): readonly string[] {
  const test = globTest(pattern)
  return view.startingWith(literalPrefix(pattern)).filter(test)
}

/** Names right below a path; of a key that has a value its own name too. */
function list(view: KeyView, path: string): Value {
  const prefix = termsOf(path)
  const names = new Set<string>()
  for (const key of view.startingWith(cleanPath(path))) {
    if (key === path) names.add(baseOf(key))
    else if (beginsWith(termsOf(dirOf(key)), prefix)) names.add(withoutPrefix(key, path).split('/')[0] ?? '')
  }
  return [...names].sort(compareBytes)
}

/** Names right below a path that hold others. */
function listDirectories(view: KeyView, path: string): Value {
  const prefix = termsOf(path)
  const names = new Set<string>()
  for (const key of view.startingWith(path)) {
    const terms = termsOf(dirOf(key))
    const name = terms[prefix.length]
    if (name !== undefined && beginsWith(terms, prefix)) names.add(name)
  }
  return [...names].sort(compareBytes)
}

/** As confd cuts a path: the root has two empty names, which is why it lists so little. */
function termsOf(path: string): readonly string[] {
  return cleanPath(path).split('/')
}

function beginsWith(terms: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((name, at) => terms[at] === name)
}

function withoutPrefix(key: string, prefix: string): string {
  const rest = key.startsWith(prefix) ? key.slice(prefix.length) : key
  return rest.startsWith('/') ? rest.slice(1) : rest
}
