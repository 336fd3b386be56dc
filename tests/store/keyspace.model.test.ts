/** Random commands: the store and a naive model of it answer alike, and hold the same afterwards. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Event } from '../../src/store/event.ts'
import { type Listing, sortListing, takeListing } from '../../src/store/listing.ts'
import { type Node, viewNode } from '../../src/store/node.ts'
import type { StateMachine } from '../../src/store/state-machine.ts'
import { NaiveStore } from '../support/naive-store.ts'
import { anyStep, type Step } from '../support/store-arbitraries.ts'
import { StoreRig } from '../support/store-rig.ts'

function step(rig: StoreRig, naive: NaiveStore, next: Step): void {
  if (next.kind === 'command') {
    expect(rig.apply(next.command)).toEqual(naive.apply(next.command))
  } else {
    naive.clock += next.elapsedMs
    rig.clockMs = naive.clock
    if (next.kind === 'wait') return
    rig.expireAt(naive.clock)
    naive.expire()
  }
  expect(rig.store.storeIndex).toBe(naive.index)
  expect(rig.store.nextDeadlineMs()).toBe(naive.nextDeadline())
}

function everyNode(directory: Node): Node[] {
  return [...(directory.children?.values() ?? [])].flatMap((node) => [node, ...everyNode(node)])
}

function eventsOf(store: StateMachine): Event[] {
  const events: Event[] = []
  for (let at = store.history.positionOf(0); ; at += 1) {
    const event = store.history.at(at)
    if (event === undefined) return events
    events.push(event)
  }
}

function shown(listing: Listing): string[] {
  return listing.nodes.flatMap((node) => [
    node.key,
    ...shown(listing.below?.get(node) ?? { nodes: [], below: undefined }),
  ])
}

function naiveListing(naive: NaiveStore, directory: string, recursive: boolean): string[] {
  const base = directory === '/' ? '' : directory
  return naive
    .below(directory)
    .filter((path) => !path.slice(base.length).includes('/_'))
    .filter((path) => recursive || !path.slice(base.length + 1).includes('/'))
}

function expectSame(rig: StoreRig, naive: NaiveStore): void {
  const root = rig.store.tree.find('/') as Node
  const nodes = everyNode(root).map((node) => viewNode(node, naive.clock))
  const wanted = [...naive.nodes].map(([path, node]) => naive.view(path, node))
  expect(nodes.sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual(wanted.sort((a, b) => (a.key < b.key ? -1 : 1)))
  expect(eventsOf(rig.store)).toEqual(naive.events.map(({ event }) => event))
  for (const directory of [root, ...everyNode(root)].filter((node) => node.dir)) {
    for (const recursive of [false, true]) {
      const listing = takeListing(directory, { recursive })
      for (const _ of sortListing(listing));
      const byLevel = (a: string, b: string): number => (`${a}/` < `${b}/` ? -1 : 1)
      expect(shown(listing).sort(byLevel)).toEqual(naiveListing(naive, directory.key, recursive).sort(byLevel))
    }
  }
}

test('every outcome, event, listing, index and deadline is what a naive model says', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
      const rig = new StoreRig()
      const naive = new NaiveStore()
      for (const next of steps) step(rig, naive, next)
      expectSame(rig, naive)
    }),
    { numRuns: 150 },
  )
})
