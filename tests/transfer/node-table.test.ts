/** The table of fingerprints behaves as a map would, at a fraction of the memory. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSamePrint, printOfNode, printOfPath, TreeDigest } from '../../src/transfer/fingerprint.ts'
import { Mark, NodeTable } from '../../src/transfer/node-table.ts'
import type { TreeNode } from '../../src/transfer/tree.ts'

const file = (path: string, value: string, ttlSeconds?: number): TreeNode => ({ path, dir: false, value, ttlSeconds })

test('a table answers as a map does, also when it has grown', () => {
  const table = new NodeTable()
  const model = new Map<string, { value: string; marks: number }>()
  for (let n = 0; n < 20_000; n++) {
    const path = `/d/${(n * 7919) % 12_000}`
    const value = `v${n}`
    const slot = table.put(printOfPath(path), printOfNode(file(path, value)))
    const mark = n % 3 === 0 ? Mark.source : Mark.target
    table.mark(slot, mark)
    table.setDue(slot, n)
    model.set(path, { value, marks: (model.get(path)?.marks ?? 0) | mark })
  }
  expect(table.size).toBe(model.size)
  for (const [path, { value, marks }] of model) {
    const slot = table.find(printOfPath(path))
    expect(table.hasContent(slot, printOfNode(file(path, value)))).toBe(true)
    expect(table.hasContent(slot, printOfNode(file(path, `${value}x`)))).toBe(false)
    expect(table.has(slot, Mark.source)).toBe((marks & Mark.source) > 0)
  }
  expect(table.find(printOfPath('/none'))).toBe(-1)
  const both = [...model.values()].filter(({ marks }) => marks === (Mark.source | Mark.target)).length
  expect(table.count(Mark.source | Mark.target, Mark.imported)).toBe(both)
  table.unmarkAll(Mark.source)
  expect(table.count(Mark.source, 0)).toBe(0)
  expect(table.count(Mark.target, 0)).toBeGreaterThan(0)
})

test('a due time beyond 68 years is kept as the longest one', () => {
  const table = new NodeTable()
  const slot = table.put(printOfPath('/a'), printOfNode(file('/a', '')))
  table.setDue(slot, 1e12)
  expect(table.due(slot)).toBe(2 ** 31 - 1)
})

test('what counts of a node changes its print: path, kind, value, having a TTL; the time that is left does not', () => {
  const node = file('/a/b', 'x')
  const others = [
    file('/a', 'b/x'),
    file('/a/b', 'y'),
    file('/a/b', ''),
    file('/a/b', 'x', 5),
    { path: '/a/b', dir: true, value: '', ttlSeconds: undefined },
    file('/a/bx', ''),
  ]
  const prints = [node, ...others].map((one) => JSON.stringify(printOfNode(one)))
  expect(new Set(prints).size).toBe(prints.length)
  expect(isSamePrint(printOfNode(file('/a/b', 'x', 5)), printOfNode(file('/a/b', 'x', 400)))).toBe(true)
})

test('texts that differ in one character anywhere have prints that differ in each part', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 40 }), fc.nat(), (text, n) => {
      const at = n % text.length
      const changed = `${text.slice(0, at)}${String.fromCharCode(text.charCodeAt(at) ^ 1)}${text.slice(at + 1)}`
      const [one, other] = [printOfPath(text), printOfPath(changed)]
      return one.a !== other.a && one.b !== other.b
    }),
    { numRuns: 2_000 },
  )
})

test('half a million paths have no two prints in common, in the bits that the table keeps', () => {
  const seen = new Set<bigint>()
  for (let n = 0; n < 500_000; n++) {
    const { a, b } = printOfPath(`/services/${n % 100}/instance-${n}`)
    seen.add((BigInt(a >>> 0) << 32n) | BigInt((b | 1) >>> 0))
  }
  expect(seen.size).toBe(500_000)
})

test('a digest does not depend on the order, and notices a node that comes twice, is missing or has changed', () => {
  const nodes = Array.from({ length: 200 }, (_, n) => file(`/k${n}`, `${n}`))
  const digestOf = (list: readonly TreeNode[]): string => {
    const digest = new TreeDigest()
    for (const node of list) digest.add(printOfNode(node))
    return digest.toString()
  }
  const whole = digestOf(nodes)
  expect(whole).toMatch(/^[0-9a-f]{32}$/)
  expect(digestOf(nodes.toReversed())).toBe(whole)
  const first = nodes[0] as TreeNode
  for (const other of [
    nodes.slice(1),
    [...nodes, first],
    [...nodes, first, first],
    [{ ...first, value: 'x' }, ...nodes.slice(1)],
  ]) {
    expect(digestOf(other)).not.toBe(whole)
  }
})
