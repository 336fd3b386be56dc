/** What a GET of a directory shows. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareUtf8, type Listing, sortListing, takeListing } from '../../src/store/listing.ts'
import type { Node } from '../../src/store/node.ts'
import { command, StoreRig } from '../support/store-rig.ts'

function storeWith(...keys: string[]): StoreRig {
  const rig = new StoreRig()
  for (const key of keys) {
    if (key.endsWith('/')) rig.do(command.set(key.slice(0, -1), '', { dir: true }))
    else rig.do(command.set(key, 'v'))
  }
  return rig
}

function directory(rig: StoreRig, path: string): Node {
  return rig.store.tree.find(path) as Node
}

function keysOf(listing: Listing): string[] {
  return listing.nodes.flatMap((node) => {
    const below = listing.below?.get(node)
    return [node.key, ...(below === undefined ? [] : keysOf(below))]
  })
}

function sorted(listing: Listing): string[] {
  for (const _ of sortListing(listing));
  return keysOf(listing)
}

test('hidden children are left out at every level', () => {
  const rig = storeWith('/a/_h', '/a/v', '/_top/x', '/b/_d/y')
  expect(sorted(takeListing(directory(rig, '/'), { recursive: true }))).toEqual(['/a', '/a/v', '/b'])
})

test('a hidden directory that is asked for shows its visible children', () => {
  const rig = storeWith('/_top/x', '/_top/_y', '/_top/z/w')
  expect(sorted(takeListing(directory(rig, '/_top'), { recursive: true }))).toEqual(['/_top/x', '/_top/z', '/_top/z/w'])
})

test('without recursive only the children are taken, directories without their contents', () => {
  const rig = storeWith('/d/x', '/f')
  const listing = takeListing(directory(rig, '/'), { recursive: false })
  expect(sorted(listing)).toEqual(['/d', '/f'])
  expect(listing.below).toBeUndefined()
})

test('an empty child directory has a listing without nodes', () => {
  const rig = storeWith('/d/')
  const listing = takeListing(directory(rig, '/'), { recursive: true })
  expect([...(listing.below?.values() ?? [])].map((below) => below.nodes)).toEqual([[]])
})

test('a listing shows the moment at which it was taken', () => {
  const rig = storeWith('/d/x', '/d/y', '/e/z')
  const listing = takeListing(directory(rig, '/'), { recursive: true })
  rig.do(command.set('/d/x', 'changed'))
  rig.do(command.set('/d/new', 'v'))
  rig.do(command.remove('/e', { recursive: true }))
  rig.do(command.set('/e/other', 'v'))
  expect(sorted(listing)).toEqual(['/d', '/d/x', '/d/y', '/e', '/e/z'])
  const level = listing.below?.get(listing.nodes[0] as Node)
  expect(level?.nodes[0]?.value).toBe('v')
})

test('what became of children since is counted right: removed, hidden, made a directory', () => {
  const rig = storeWith('/a', '/_b', '/c', '/_d/')
  rig.do(command.remove('/_b'))
  rig.do(command.set('/c', '', { dir: true }))
  rig.do(command.set('/c/x', 'v'))
  expect(sorted(takeListing(directory(rig, '/'), { recursive: true }))).toEqual(['/a', '/c', '/c/x'])
  rig.do(command.remove('/_d', { dir: true }))
  rig.do(command.remove('/c', { recursive: true }))
  expect(sorted(takeListing(directory(rig, '/'), { recursive: true }))).toEqual(['/a'])
  expect(directory(rig, '/').children?.hiddenCount).toBe(0)
  expect(directory(rig, '/').children?.directories).toBeUndefined()
})

describe('order', () => {
  test('is that of UTF-8 bytes, also above U+FFFF', () => {
    const rig = storeWith('/\u{10000}', '/\uffee', '/z', '/a', '/ä', '/a/')
    expect(sorted(takeListing(directory(rig, '/'), { recursive: false }))).toEqual([
      '/a',
      '/z',
      '/ä',
      '/\uffee',
      '/\u{10000}',
    ])
  })

  test('agrees with comparing the bytes', () => {
    const text = fc
      .array(fc.constantFrom('a', 'z', '\u00e4', '\ud7ff', '\ue000', '\uffee', '\u{10000}', '\u{1f600}'), {
        maxLength: 4,
      })
      .map((characters) => characters.join(''))
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 500 },
    )
  })

  test('is right for a directory far larger than one slice of sorting, and sorting pauses on the way', () => {
    const keys = Array.from({ length: 9000 }, (_, at) => `/k${(at * 7919) % 9000}`)
    const listing = takeListing(directory(storeWith(...keys), '/'), { recursive: false })
    let pauses = 0
    for (const _ of sortListing(listing)) pauses += 1
    expect(keysOf(listing)).toEqual([...keys].sort())
    expect(pauses).toBeGreaterThan(5)
  })
})
