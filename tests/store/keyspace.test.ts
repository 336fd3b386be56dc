/** Every error of every operation, and what success leaves behind (API page, 4.5 to 4.11). */
import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/store/command.ts'
import { EXPIRED_COUNT_MAX } from '../../src/store/command.ts'
import { viewNode } from '../../src/store/node.ts'
import { isFailure } from '../../src/store/outcome.ts'
import { command, StoreRig, ttl, WALL_MS } from '../support/store-rig.ts'

/** A store at index 6: `/file` 1, `/empty/` 2, `/dir/` with `/dir/child` 3, `/hid/` with `/hid/_x` 4, `/plain` 5, `/blank` 6. */
function furnished(): StoreRig {
  const rig = new StoreRig()
  rig.do(command.set('/file', 'B'))
  rig.do(command.set('/empty', '', { dir: true }))
  rig.do(command.set('/dir/child', 'c'))
  rig.do(command.set('/hid/_x', 'h'))
  rig.do(command.set('/plain', 'p', { ttl: ttl(5000) }))
  rig.do(command.set('/blank', ''))
  return rig
}

/** What a command answered, shortened: `code cause @index`, or `action key index/created prev`. */
function answer(rig: StoreRig, asked: Command): string {
  const outcome = rig.apply(asked)
  if (outcome === undefined) return 'nothing'
  if (!outcome.ok) return `${outcome.code} ${outcome.cause} @${outcome.storeIndex}`.replaceAll('  ', ' ')
  const { action, node, created } = outcome.event
  return `${action} ${node.key}${node.dir ? '/' : ''} ${node.modifiedIndex}/${node.createdIndex}${created ? ' created' : ''}`
}

describe('every operation on every target', () => {
  const { set, create, update, swap, remove, swapOut, post } = command
  test.each<[string, Command, string]>([
    ['SET absent', set('/new', 'v'), 'set /new 7/7 created'],
    ['SET below what is absent', set('/x/y/z', 'v'), 'set /x/y/z 7/7 created'],
    ['SET file', set('/file', 'v'), 'set /file 7/7'],
    ['SET empty directory', set('/empty', 'v'), '102 /empty @6'],
    ['SET directory', set('/dir', 'v'), '102 /dir @6'],
    ['SET below a file', set('/file/x/y', 'v'), '104 /file @6'],
    ['SET root', set('/', 'v'), '107 / @6'],
    ['SET dir absent', set('/new', '', { dir: true }), 'set /new/ 7/7 created'],
    ['SET dir over a file', set('/file', '', { dir: true }), 'set /file/ 7/7'],
    ['SET dir over an empty directory', set('/empty', '', { dir: true }), '102 /empty @6'],
    ['SET dir over a directory', set('/dir', '', { dir: true }), '102 /dir @6'],
    ['SET dir root', set('/', '', { dir: true }), '107 / @6'],
    ['SET refresh absent', set('/new', '', { refresh: true, ttl: ttl(1) }), '100 /new @6'],
    ['SET refresh below what is absent', set('/x/y', '', { refresh: true, ttl: ttl(1) }), '100 /x @6'],
    ['SET refresh file', set('/file', '', { refresh: true, ttl: ttl(1) }), 'set /file 7/7'],
    ['SET refresh directory', set('/dir', '', { refresh: true, ttl: ttl(1) }), '102 /dir @6'],
    ['SET refresh below a file', set('/file/x', '', { refresh: true, ttl: ttl(1) }), '104 /file @6'],
    ['CREATE absent', create('/new', 'v'), 'create /new 7/7 created'],
    ['CREATE dir absent', create('/new', 'v', { dir: true }), 'create /new/ 7/7 created'],
    ['CREATE file', create('/file', 'v'), '105 /file @6'],
    ['CREATE empty directory', create('/empty', 'v'), '105 /empty @6'],
    ['CREATE dir over a directory', create('/dir', 'v', { dir: true }), '105 /dir @6'],
    ['CREATE below a file', create('/file/x', 'v'), '104 /file @6'],
    ['CREATE root', create('/', 'v'), '107 / @6'],
    ['POST directory', post('/dir', 'v'), 'create /dir/00000000000000000007 7/7 created'],
    ['POST absent', post('/q/r', 'v'), 'create /q/r/00000000000000000007 7/7 created'],
    ['POST dir', post('/q', 'v', { dir: true }), 'create /q/00000000000000000007/ 7/7 created'],
    ['POST root', post('/', 'v'), 'create /00000000000000000007 7/7 created'],
    ['POST file', post('/file', 'v'), '104 /file @6'],
    ['POST below a file', post('/file/x', 'v'), '104 /file @6'],
    ['UPDATE absent', update('/new', 'v'), '100 /new @6'],
    ['UPDATE below what is absent', update('/x/y', 'v'), '100 /x @6'],
    ['UPDATE file', update('/file', 'v'), 'update /file 7/1'],
    ['UPDATE file without value', update('/file', ''), 'update /file 7/1'],
    ['UPDATE empty directory with a value', update('/empty', 'v'), '102 /empty @6'],
    ['UPDATE directory with a value', update('/dir', 'v'), '102 /dir @6'],
    ['UPDATE directory without value', update('/dir', '', { ttl: ttl(1) }), 'update /dir/ 7/3'],
    ['UPDATE below a file', update('/file/x', ''), '104 /file @6'],
    ['UPDATE root', update('/', ''), '107 / @6'],
    ['UPDATE refresh file', update('/file', '', { refresh: true, ttl: ttl(1) }), 'update /file 7/1'],
    ['UPDATE refresh directory', update('/dir', '', { refresh: true, ttl: ttl(1) }), 'update /dir/ 7/3'],
    ['CAS root', swap('/', 'v', { index: 1 }), '107 / @6'],
    ['CAS absent', swap('/new', 'v', { index: 1 }), '100 /new @6'],
    ['CAS below a file', swap('/file/x', 'v', { index: 1 }), '104 /file @6'],
    ['CAS directory', swap('/dir', 'v', { index: 3 }), '102 /dir @6'],
    ['CAS index holds', swap('/file', 'v', { index: 1 }), 'compareAndSwap /file 7/1'],
    ['CAS value holds', swap('/file', 'v', { value: 'B' }), 'compareAndSwap /file 7/1'],
    ['CAS both hold', swap('/file', 'v', { index: 1, value: 'B' }), 'compareAndSwap /file 7/1'],
    ['CAS value differs', swap('/file', 'v', { value: 'A' }), '101 [A != B] @6'],
    ['CAS value differs from an empty one', swap('/blank', 'v', { value: 'P0b' }), '101 [P0b != ] @6'],
    ['CAS index differs', swap('/file', 'v', { index: 39 }), '101 [39 != 1] @6'],
    ['CAS only the index differs', swap('/file', 'v', { index: 39, value: 'B' }), '101 [39 != 1] @6'],
    ['CAS only the value differs', swap('/file', 'v', { index: 1, value: 'Z' }), '101 [Z != B] @6'],
    ['CAS both differ', swap('/file', 'v', { index: 39, value: 'Z' }), '101 [Z != B] [39 != 1] @6'],
    ['CAS huge index', swap('/file', 'v', { index: 2n ** 64n - 1n }), '101 [18446744073709551615 != 1] @6'],
    ['DELETE file', remove('/file'), 'delete /file 7/1'],
    ['DELETE file with dir', remove('/file', { dir: true }), 'delete /file 7/1'],
    ['DELETE file recursive', remove('/file', { recursive: true }), 'delete /file 7/1'],
    ['DELETE empty directory', remove('/empty'), '102 /empty @6'],
    ['DELETE empty directory with dir', remove('/empty', { dir: true }), 'delete /empty/ 7/2'],
    ['DELETE empty directory recursive', remove('/empty', { recursive: true }), 'delete /empty/ 7/2'],
    ['DELETE directory', remove('/dir'), '102 /dir @6'],
    ['DELETE directory with dir', remove('/dir', { dir: true }), '108 /dir @6'],
    ['DELETE directory recursive', remove('/dir', { recursive: true }), 'delete /dir/ 7/3'],
    ['DELETE directory with hidden content', remove('/hid', { dir: true }), '108 /hid @6'],
    ['DELETE absent', remove('/new/x', { recursive: true }), '100 /new @6'],
    ['DELETE below a file', remove('/file/x'), '104 /file @6'],
    ['DELETE root', remove('/', { recursive: true }), '107 / @6'],
    ['CAD absent', swapOut('/new', { index: 1 }), '100 /new @6'],
    ['CAD below a file', swapOut('/file/x', { index: 1 }), '104 /file @6'],
    ['CAD directory', swapOut('/dir', { index: 3 }), '102 /dir @6'],
    ['CAD root', swapOut('/', { index: 3 }), '102 @6'],
    ['CAD differs', swapOut('/file', { index: 2, value: 'x' }), '101 [x != B] [2 != 1] @6'],
    ['CAD holds', swapOut('/file', { index: 1 }), 'compareAndDelete /file 7/1'],
  ])('%s', (_what, asked, wanted) => {
    const rig = furnished()
    expect(answer(rig, asked)).toBe(wanted)
    expect(rig.store.storeIndex).toBe(/^\d/.test(wanted) ? 6 : 7)
  })
})

describe('reading', () => {
  test.each([
    ['/nope', '100 /nope'],
    ['/nope/x/y', '100 /nope'],
    ['/dir/no/x', '100 /dir/no'],
    ['/file/x', '104 /file'],
    ['/dir/child/x/y', '104 /dir/child'],
  ])('%s answers %s', (path, wanted) => {
    const found = furnished().store.tree.get(path)
    expect(isFailure(found) ? `${found.code} ${found.cause}` : found.key).toBe(wanted)
  })

  test('the root is a directory with indexes of zero', () => {
    expect(new StoreRig().store.tree.find('/')).toMatchObject({
      key: '/',
      dir: true,
      createdIndex: 0,
      modifiedIndex: 0,
    })
  })
})

describe('what success leaves behind', () => {
  test('missing parents are permanent directories with the index of the written node, and make no event', () => {
    const rig = new StoreRig()
    rig.do(command.set('/a/b/c', 'v', { ttl: ttl(1000) }))
    expect(rig.store.storeIndex).toBe(1)
    expect(rig.store.history.length).toBe(1)
    for (const path of ['/a', '/a/b']) {
      expect(rig.store.tree.find(path)).toMatchObject({ dir: true, createdIndex: 1, modifiedIndex: 1, deadlineMs: 0 })
    }
  })

  test('a refused write creates no parents', () => {
    const rig = new StoreRig()
    expect(answer(rig, command.update('/a/b', 'v'))).toBe('100 /a @0')
    expect(rig.store.tree.find('/a')).toBeUndefined()
  })

  test('SET shows the old node, value and indexes', () => {
    const event = furnished().do(command.set('/file', 'N'))
    expect(event.node).toMatchObject({ key: '/file', value: 'N', modifiedIndex: 7, createdIndex: 7 })
    expect(event.prevNode).toMatchObject({ key: '/file', value: 'B', modifiedIndex: 1, createdIndex: 1 })
  })

  test('SET dir turns a file into a directory, whose event has no value and whose previous node is the file', () => {
    const rig = furnished()
    const event = rig.do(command.set('/file', 'ignored', { dir: true }))
    expect(event.node).toMatchObject({ dir: true, value: undefined })
    expect(event.prevNode).toMatchObject({ dir: false, value: 'B' })
    rig.do(command.set('/file/in', 'x'))
    expect(rig.store.tree.find('/file/in')?.value).toBe('x')
  })

  test('UPDATE without a value blanks a file', () => {
    const rig = furnished()
    rig.do(command.update('/file'))
    expect(rig.store.tree.find('/file')?.value).toBe('')
  })

  test('UPDATE of a directory shows the new index in its event and keeps the old one, and the children', () => {
    const rig = furnished()
    const event = rig.do(command.update('/dir', '', { ttl: ttl(9000) }))
    expect(event.node).toMatchObject({ dir: true, modifiedIndex: 7, createdIndex: 3, ttlSeconds: 9 })
    expect(event.prevNode).toMatchObject({ dir: true, modifiedIndex: 3 })
    expect(rig.store.tree.find('/dir')).toMatchObject({ modifiedIndex: 3, createdIndex: 3, deadlineMs: 9000 })
    expect(rig.store.tree.find('/dir/child')?.value).toBe('c')
  })

  test('a removed node has no value and no expiration, the new index and the old createdIndex', () => {
    const event = furnished().do(command.remove('/plain'))
    expect(event.node).toEqual({
      key: '/plain',
      value: undefined,
      dir: false,
      expirationMs: undefined,
      ttlSeconds: 0,
      modifiedIndex: 7,
      createdIndex: 5,
    })
    expect(event.prevNode).toMatchObject({ value: 'p', expirationMs: WALL_MS + 5000, ttlSeconds: 5 })
  })

  test('removing a directory is one step, and its children are gone with it', () => {
    const rig = furnished()
    rig.do(command.remove('/dir', { recursive: true }))
    expect(rig.store.storeIndex).toBe(7)
    expect(answer(rig, command.update('/dir/child', 'x'))).toBe('100 /dir @7')
  })

  test('a POST to a name that is taken answers 105', () => {
    const rig = new StoreRig()
    rig.do(command.set('/q/00000000000000000002', 'early'))
    expect(answer(rig, command.post('/q', 'v'))).toBe('105 /q/00000000000000000002 @1')
  })
})

describe('time to live', () => {
  test('every PUT without a TTL makes the node permanent, by any operation', () => {
    for (const asked of [
      command.set('/plain', 'v'),
      command.update('/plain', 'v'),
      command.swap('/plain', 'v', { value: 'p' }),
    ]) {
      const rig = furnished()
      const event = rig.do(asked)
      expect(event.node.expirationMs).toBeUndefined()
      expect(event.prevNode?.expirationMs).toBe(WALL_MS + 5000)
      expect(rig.store.nextDeadlineMs()).toBeUndefined()
    }
  })

  test('the deadline is the stamp of the entry plus the TTL, and the TTL shown is rounded up', () => {
    const rig = new StoreRig()
    rig.clockMs = 10_000
    expect(rig.do(command.set('/k', 'v', { ttl: ttl(1001) })).node.ttlSeconds).toBe(2)
    expect(rig.store.nextDeadlineMs()).toBe(11_001)
  })

  test('a node whose time has passed is fully there until it is swept, with a negative TTL after a second', () => {
    const rig = new StoreRig()
    rig.do(command.set('/k', 'v', { ttl: ttl(1000) }))
    rig.clockMs = 1900
    expect(answer(rig, command.create('/k', 'x'))).toBe('105 /k @1')
    const node = rig.store.tree.find('/k')
    expect(node && [1000, 1999, 2000, 3000].map((at) => viewNode(node, at).ttlSeconds)).toEqual([0, 0, -1, -2])
    rig.clockMs = 3000
    expect(rig.do(command.set('/k', 'y')).prevNode).toMatchObject({ value: 'v', ttlSeconds: -2 })
  })

  test('an expiration before 2000 means none for SET, CREATE and POST, and counts for UPDATE and CAS', () => {
    const nonsense = { ms: 5000, expirationMs: -1 }
    for (const asked of [command.set('/k', 'v', { ttl: nonsense }), command.create('/k', 'v', { ttl: nonsense })]) {
      const rig = new StoreRig()
      expect(rig.do(asked).node.expirationMs).toBeUndefined()
      expect(rig.store.nextDeadlineMs()).toBeUndefined()
    }
    const posted = new StoreRig()
    posted.do(command.post('/k', 'v', { ttl: nonsense }))
    expect(posted.store.nextDeadlineMs()).toBeUndefined()
    for (const asked of [
      command.update('/file', 'v', { ttl: nonsense }),
      command.swap('/file', 'v', { index: 1 }, { ttl: nonsense }),
    ]) {
      expect(furnished().do(asked).node).toMatchObject({ expirationMs: -1, ttlSeconds: 5 })
    }
  })

  test('a TTL of nothing, or less, is due at once', () => {
    for (const ms of [0, -1000]) {
      const rig = new StoreRig()
      rig.do(command.set('/k', 'v', { ttl: ttl(ms) }))
      expect(rig.store.nextDeadlineMs()).toBe(1)
      rig.expireAt(1)
      expect(rig.store.tree.find('/k')).toBeUndefined()
    }
  })

  test('expiring takes what is due, by deadline and then by key, one step and one event each', () => {
    const rig = new StoreRig()
    for (const [key, ms] of [
      ['/c', 10],
      ['/b', 20],
      ['/a', 20],
      ['/late', 21],
    ] as const) {
      rig.do(command.set(key, 'v', { ttl: ttl(ms) }))
    }
    const seen: string[] = []
    rig.store.watchers.watch({
      path: '/',
      recursive: true,
      stream: true,
      since: 0,
      deliver: (event) => seen.push(`${event.action} ${event.node.key} ${event.index} ${event.prevNode?.value}`) > 0,
      closed: () => {},
    })
    rig.expireAt(20)
    expect(seen).toEqual(['expire /c 5 v', 'expire /a 6 v', 'expire /b 7 v'])
    expect(rig.store.nextDeadlineMs()).toBe(21)
  })

  test('the end of a directory is one event, and the deadlines of what was in it end too', () => {
    const rig = new StoreRig()
    rig.do(command.set('/d/x', 'v', { ttl: ttl(50) }))
    rig.do(command.update('/d', '', { ttl: ttl(40) }))
    rig.expireAt(60)
    expect(rig.store.storeIndex).toBe(3)
    expect(rig.store.tree.find('/d')).toBeUndefined()
    expect(rig.store.nextDeadlineMs()).toBeUndefined()
    expect(rig.store.history.at(rig.store.history.positionOf(3))?.node).toMatchObject({ key: '/d', dir: true })
  })

  test('what a removed directory held is skipped a little at a time, and never expires', () => {
    const rig = new StoreRig()
    for (let at = 0; at < 2500; at += 1) rig.do(command.set(`/d/${at}`, 'v', { ttl: ttl(1000) }))
    rig.do(command.set('/live', 'v', { ttl: ttl(2000) }))
    rig.do(command.remove('/d', { recursive: true }))
    const { due } = rig.store.tree
    rig.expireAt(999)
    expect(due.size).toBe(2501)
    const left = [1, 2, 3].map(() => [rig.store.nextDeadlineMs(), due.size])
    expect(left).toEqual([
      [undefined, 1501],
      [undefined, 501],
      [2000, 1],
    ])
    expect(rig.store.storeIndex).toBe(2502)
  })

  test('what expires is the same however far sweeping has come', () => {
    const [swept, behind] = [new StoreRig(), new StoreRig()]
    for (const rig of [swept, behind]) {
      for (let at = 0; at < 2500; at += 1) rig.do(command.set(`/d/${at}`, 'v', { ttl: ttl(1000) }))
      for (const key of ['/a', '/z']) rig.do(command.set(key, 'v', { ttl: ttl(1000) }))
      rig.do(command.remove('/d', { recursive: true }))
    }
    swept.store.drainRows()
    for (const rig of [swept, behind]) rig.expireAt(1000)
    expect(behind.store.digest()).toBe(swept.store.digest())
    expect(behind.store.tree.find('/z')).toBeUndefined()
  })

  test('an expiry of an earlier term changes nothing', () => {
    const rig = new StoreRig()
    rig.do(command.set('/k', 'v', { ttl: ttl(5) }))
    rig.clockMs = 10
    rig.term = 2
    rig.apply({ kind: 'expire', term: 1 })
    expect(rig.store.tree.find('/k')?.value).toBe('v')
    rig.apply({ kind: 'expire', term: 2 })
    expect(rig.store.tree.find('/k')).toBeUndefined()
  })

  test('one expiry takes a bounded number of keys, the next takes the rest', () => {
    const rig = new StoreRig()
    for (let at = 0; at < EXPIRED_COUNT_MAX + 3; at += 1) rig.do(command.set(`/k${at}`, 'v', { ttl: ttl(5) }))
    rig.expireAt(5)
    expect(rig.store.tree.find('/')?.children?.size).toBe(3)
    expect(rig.store.nextDeadlineMs()).toBe(5)
    rig.expireAt(5)
    expect(rig.store.tree.find('/')?.children?.size).toBe(0)
  })
})

describe('refresh', () => {
  test('keeps the value, moves the index, and makes no event in the history', () => {
    const rig = furnished()
    const before = rig.store.history.length
    const seen: number[] = []
    rig.store.watchers.watch({
      path: '/file',
      recursive: false,
      stream: true,
      since: 0,
      deliver: (event) => seen.push(event.index) > 0,
      closed: () => {},
    })
    const refresh = { refresh: true, ttl: ttl(2000) }
    expect(rig.do(command.set('/file', '', refresh)).node).toMatchObject({ value: 'B', createdIndex: 7, ttlSeconds: 2 })
    expect(rig.do(command.update('/file', '', refresh)).node).toMatchObject({
      value: 'B',
      createdIndex: 7,
      modifiedIndex: 8,
    })
    expect(rig.do(command.swap('/file', '', { index: 8 }, refresh)).node).toMatchObject({
      value: 'B',
      modifiedIndex: 9,
    })
    expect(rig.store.storeIndex).toBe(9)
    expect(rig.store.history.length).toBe(before)
    expect(seen).toEqual([])
    rig.do(command.set('/file', 'loud'))
    expect(seen).toEqual([10])
  })
})

describe('the reserved subtree', () => {
  test('is apart from the keys of clients', () => {
    const rig = new StoreRig()
    rig.apply({ kind: 'putMember', id: 'a1', peerUrls: ['http://p'], name: 'n', clientUrls: undefined })
    expect(rig.store.tree.find('/')?.children?.size).toBe(0)
    expect(rig.store.tree.find('/0/members/a1')).toBeUndefined()
    expect(rig.store.tree.find('0/members/a1')?.value).toContain('http://p')
  })
})
