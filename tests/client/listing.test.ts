/** A listing is cut into nodes wherever the pieces of its text end. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ListedNode, ListingParser } from '../../src/client/listing.ts'

function parse(text: string, cuts: readonly number[] = []): { nodes: ListedNode[]; complete: boolean } {
  const bytes = Buffer.from(text)
  const parser = new ListingParser()
  const nodes: ListedNode[] = []
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  let from = 0
  for (const to of [...places, bytes.length]) {
    nodes.push(...parser.push(bytes.subarray(from, to)))
    from = to
  }
  nodes.push(...parser.finish())
  return { nodes, complete: parser.complete }
}

const file = (path: string, value: string, ttlSeconds?: number): ListedNode => ({ path, dir: false, value, ttlSeconds })
const dir = (path: string, ttlSeconds?: number): ListedNode => ({ path, dir: true, value: '', ttlSeconds })

const TREE = `{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","value":"x \\"q\\" \\\\","modifiedIndex":7,"createdIndex":7},{"key":"/d","dir":true,"expiration":"2026-11-21T17:39:47.4Z","ttl":9,"nodes":[{"key":"/d/ü","value":"{\\u003c}\\n","expiration":"2026-11-21T17:39:47Z","modifiedIndex":9,"createdIndex":9},{"key":"/d/e","dir":true,"modifiedIndex":9,"createdIndex":9}],"modifiedIndex":9,"createdIndex":9}]}}\n`
const NODES = [dir('/'), file('/a', 'x "q" \\'), dir('/d', 9), file('/d/ü', '{<}\n', 0), dir('/d/e')]

test('directories come before what they hold, with what is left of their time', () => {
  expect(parse(TREE)).toEqual({ nodes: NODES, complete: true })
})

test('it does not matter where the text is cut into pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 20 }), (cuts) => {
      expect(parse(TREE, cuts)).toEqual({ nodes: NODES, complete: true })
    }),
  )
  const everywhere = Array.from({ length: Buffer.byteLength(TREE) }, (_, at) => at)
  expect(parse(TREE, everywhere)).toEqual({ nodes: NODES, complete: true })
})

interface Tree {
  readonly [name: string]: string | Tree
}

test('any tree that JSON can say is read as it is', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }).filter((text) => !text.includes('/'))
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.dictionary(name, fc.oneof(fc.string({ unit: 'grapheme' }), tie('tree') as fc.Arbitrary<Tree>), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  }))
  const expected: ListedNode[] = []
  const toJson = (path: string, node: string | Tree): object => {
    if (typeof node === 'string') {
      expected.push(file(path, node))
      return { key: path, value: node, modifiedIndex: 1, createdIndex: 1 }
    }
    expected.push(dir(path === '' ? '/' : path))
    const nodes = Object.entries(node).map(([below, child]) => toJson(`${path}/${below}`, child))
    const named = path === '' ? {} : { key: path }
    return { ...named, dir: true, ...(nodes.length === 0 ? {} : { nodes }), modifiedIndex: 1, createdIndex: 1 }
  }
  fc.assert(
    fc.property(tree, fc.array(fc.nat(), { maxLength: 10 }), (generated, cuts) => {
      expected.length = 0
      const text = `${JSON.stringify({ action: 'get', node: toJson('', generated) })}\n`
      expect(parse(text, cuts)).toEqual({ nodes: expected, complete: true })
    }),
    { numRuns: 300 },
  )
})

test('a text that ends early is not complete, wherever it ends', () => {
  for (let length = 0; length < TREE.length - 1; length++) expect(parse(TREE.slice(0, length)).complete).toBe(false)
})

test('a value of ten megabytes in small pieces takes no more than its share of time', () => {
  const value = '\\"x'.repeat(3_000_000)
  const text = `{"action":"get","node":{"key":"/big","value":"${value}","modifiedIndex":1,"createdIndex":1}}`
  const cuts = Array.from({ length: text.length / 65_536 }, (_, at) => at * 65_536)
  const { nodes, complete } = parse(text, cuts)
  expect(complete).toBe(true)
  expect(nodes[0]?.value.length).toBe(6_000_000)
})

test.each([
  ['<html>', /begins with </],
  ['[]', /begins with \[/],
  ['{"action":"get","node":{"key":"/a","other":{}}}', /value that no node has/],
  ['{"action":"get","node":{"nodes":[1]}}', /found 1 in a list/],
  ['{"action":"get","node":{"nodes":[],"ttl":3}}', /ttl after nodes/],
  ['{"action":"get","node":{}} {}', /text after its end/],
  ['{"node" "x"}', /name without a value/],
  ['{"action":"get","node":{"value":"\\q"}}', /malformed text/],
])('what is no listing is said to be none: %s', (text, reason) => {
  expect(() => parse(text)).toThrow(reason)
})
