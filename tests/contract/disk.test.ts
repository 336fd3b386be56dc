/** The disk's contract, on LevelDB and on the fake. */
import { onTestFinished } from 'vitest'
import { Database } from '../../src/store/database.ts'
import type { Disk } from '../../src/store/disk.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { scratchDir } from '../support/scratch.ts'
import { diskContract } from './disk.ts'

diskContract('LevelDB', async (): Promise<Disk> => {
  const disk = await Database.open(await scratchDir())
  onTestFinished(() => disk.close())
  return disk
})

diskContract('the fake', async (): Promise<Disk> => new FakeDisk())
