/** The counters of /v2/stats/store, with the quirks of upstream (API page, 8). */
import { expect, test } from 'vitest'
import type { StoreStatsJson } from '../../src/api.ts'
import type { Command } from '../../src/store/command.ts'
import { command, StoreRig, ttl } from '../support/store-rig.ts'

const { set, create, post, update, swap, remove, swapOut } = command

function counted(asked: Command): Partial<StoreStatsJson> {
  const rig = new StoreRig()
  rig.do(set('/file', 'v'))
  rig.do(set('/dir', '', { dir: true }))
  const before = rig.store.stats
  rig.apply(asked)
  const after = rig.store.stats
  const names = Object.keys(after) as (keyof StoreStatsJson)[]
  return Object.fromEntries(
    names.filter((name) => after[name] !== before[name]).map((name) => [name, after[name] - before[name]]),
  )
}

test.each<[string, Command, Partial<StoreStatsJson>]>([
  ['SET', set('/file', 'x'), { setsSuccess: 1 }],
  ['SET on a directory', set('/dir', 'x'), { setsFail: 1 }],
  ['SET below a file', set('/file/x', 'x'), { setsFail: 1 }],
  ['CREATE', create('/new', 'x'), { createSuccess: 1 }],
  ['CREATE of what is there', create('/file', 'x'), { createFail: 1 }],
  ['CREATE below a file counts twice', create('/file/x', 'x'), { createFail: 1, setsFail: 1 }],
  ['POST below a file counts twice', post('/file', 'x'), { createFail: 1, setsFail: 1 }],
  ['UPDATE', update('/file', 'x'), { updateSuccess: 1 }],
  ['UPDATE of nothing', update('/new', 'x'), { updateFail: 1 }],
  ['UPDATE of the root counts as success', update('/', 'x'), { updateSuccess: 1 }],
  ['UPDATE of a directory with a value counts as success', update('/dir', 'x'), { updateSuccess: 1 }],
  ['CAS', swap('/file', 'x', { value: 'v' }), { compareAndSwapSuccess: 1 }],
  ['CAS that differs', swap('/file', 'x', { value: 'w' }), { compareAndSwapFail: 1 }],
  ['CAS of a directory', swap('/dir', 'x', { value: 'w' }), { compareAndSwapFail: 1 }],
  ['CAS of the root counts as success', swap('/', 'x', { value: 'w' }), { compareAndSwapSuccess: 1 }],
  ['DELETE', remove('/file'), { deleteSuccess: 1 }],
  ['DELETE of nothing', remove('/new'), { deleteFail: 1 }],
  ['DELETE of the root counts as success', remove('/'), { deleteSuccess: 1 }],
  ['CAD', swapOut('/file', { value: 'v' }), { compareAndDeleteSuccess: 1 }],
  ['CAD of nothing', swapOut('/new', { value: 'v' }), { compareAndDeleteFail: 1 }],
  ['CAD that differs counts as success', swapOut('/file', { value: 'w' }), { compareAndDeleteSuccess: 1 }],
  ['CAD of a directory counts as success', swapOut('/dir', { value: 'w' }), { compareAndDeleteSuccess: 1 }],
])('%s', (_what, asked, wanted) => {
  expect(counted(asked)).toEqual(wanted)
})

test('reads, expiries and watchers are counted', () => {
  const rig = new StoreRig()
  rig.store.countGet(true)
  rig.store.countGet(false)
  rig.do(set('/k', 'v', { ttl: ttl(1) }))
  rig.expireAt(1)
  const answer = rig.store.watchers.watch({
    path: '/',
    recursive: true,
    stream: true,
    since: 0,
    deliver: () => true,
    closed: () => {},
  })
  expect(rig.store.stats).toMatchObject({ getsSuccess: 1, getsFail: 1, expireCount: 1, watchers: 1 })
  if (answer.kind === 'registered') answer.watcher.cancel()
  expect(rig.store.stats.watchers).toBe(0)
})

test('the fields come in wire order', () => {
  expect(Object.keys(new StoreRig().store.stats).join()).toBe(
    'getsSuccess,getsFail,setsSuccess,setsFail,deleteSuccess,deleteFail,updateSuccess,updateFail,createSuccess,' +
      'createFail,compareAndSwapSuccess,compareAndSwapFail,compareAndDeleteSuccess,compareAndDeleteFail,expireCount,watchers',
  )
})
