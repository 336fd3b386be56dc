/** A restart: which generation counts, what is cleared, damage that is named, and a loop that keeps turning. */
import { expect, onTestFinished, test } from 'vitest'
import { ByteWriter } from '../../src/store/bytes.ts'
import { Database } from '../../src/store/database.ts'
import { restoreStore } from '../../src/store/restore.ts'
import { currentGenerationRow, nodeKey, type Row } from '../../src/store/rows.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { scratchDir } from '../support/scratch.ts'
import { command, StoreRig } from '../support/store-rig.ts'

test('an empty disk gives an empty store of the first generation', async () => {
  const { stateMachine, generation } = await restoreStore(new FakeDisk())
  expect([generation, stateMachine.storeIndex, stateMachine.appliedIndex]).toEqual([1, 0, 0])
})

test('rows of other generations are cleared, those of raft are left', async () => {
  const disk = new FakeDisk()
  const rigs = [1, 2, 3].map((generation) => new StoreRig({ generation }))
  for (const [at, rig] of rigs.entries()) {
    rig.do(command.set('/k', String(at)))
    disk.writeSync(rig.store.drainRows(), true)
  }
  const raft: Row = { type: 'put', key: Buffer.from('r-log'), value: Buffer.from('entry') }
  disk.writeSync([currentGenerationRow(2), raft], true)
  const { stateMachine, generation } = await restoreStore(disk)
  expect([generation, stateMachine.tree.find('/k')?.value]).toEqual([2, '1'])
  expect(disk.size).toBe(5)
  expect(disk.getSync(raft.key)).toBeDefined()
})

test('counters go on where they were', async () => {
  const disk = new FakeDisk()
  const rig = new StoreRig()
  rig.do(command.set('/k', 'v'))
  rig.store.countGet(true)
  disk.writeSync(rig.store.drainRows(), true)
  expect((await restoreStore(disk)).stateMachine.stats).toMatchObject({ setsSuccess: 1, getsSuccess: 1 })
})

test('a store goes on after a restart as if nothing had been', async () => {
  const disk = new FakeDisk()
  const rig = new StoreRig()
  rig.do(command.set('/a', 'v'))
  disk.writeSync(rig.store.drainRows(), true)
  const again = new StoreRig({}, (await restoreStore(disk)).stateMachine)
  for (const each of [rig, again]) each.do(command.post('/q', 'w'))
  expect(again.store.digest()).toBe(rig.store.digest())
})

test('a damaged row is named', async () => {
  const disk = new FakeDisk()
  const rig = new StoreRig()
  rig.do(command.set('/k', 'v'))
  disk.writeSync(rig.store.drainRows(), true)
  disk.writeSync([{ type: 'put', key: nodeKey(new ByteWriter(), 1, '/k'), value: Buffer.alloc(20, 255) }], true)
  await expect(restoreStore(disk)).rejects.toMatchObject({
    code: 'MUSTER_DATA_DAMAGED',
    message: expect.stringContaining('"/k"'),
  })
})

test('many keys come back in slices of a thousand, and the loop turns between them', async () => {
  const count = 30_000
  const disk = await Database.open(await scratchDir())
  onTestFinished(() => disk.close())
  const rig = new StoreRig()
  for (let at = 0; at < count; at += 1) {
    rig.do(command.set(`/bench/key${at}`, 'v'))
    if (at % 1000 === 999) await disk.write(rig.store.drainRows(), false)
  }
  await disk.write(rig.store.drainRows(), true)
  let turns = 0
  let next: NodeJS.Immediate | undefined
  const turn = (): void => {
    turns += 1
    next = setImmediate(turn)
  }
  turn()
  const { stateMachine } = await restoreStore(disk)
  clearImmediate(next)
  expect(stateMachine.digest()).toBe(rig.store.digest())
  expect(turns).toBeGreaterThan(count / 1000)
})
