/** What a proxy remembers of the members. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { clusterFile, readClusterFile, writeClusterFile } from '../../src/proxy/cluster-file.ts'
import { scratchDir } from '../support/scratch.ts'

test('peer URLs are remembered as etcd writes them, for this user only', async () => {
  const folder = await scratchDir()
  await writeClusterFile(folder, ['http://10.0.0.1:2380', 'http://10.0.0.2:2380'])
  expect(await readFile(clusterFile(folder), 'utf8')).toBe(
    '{"PeerURLs":["http://10.0.0.1:2380","http://10.0.0.2:2380"]}',
  )
  expect((await stat(dirname(clusterFile(folder)))).mode & 0o777).toBe(0o700)
  await writeClusterFile(folder, ['http://10.0.0.3:2380'])
  expect(await readClusterFile(folder)).toEqual(['http://10.0.0.3:2380'])
})

test.each(['', '{"PeerURLs":', '{"PeerURLs":[]}', '[]', 'null'])('a file with %j is as good as none', async (text) => {
  const folder = await scratchDir()
  expect(await readClusterFile(folder)).toBeUndefined()
  await mkdir(dirname(clusterFile(folder)))
  await writeFile(clusterFile(folder), text)
  expect(await readClusterFile(folder)).toBeUndefined()
})
