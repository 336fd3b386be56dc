/** Files follow muster and a real etcd alike. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Agent } from '../../src/render/agent.ts'
import { SYSTEM_NAMES } from '../../src/render/names.ts'
import { readResources } from '../../src/render/resource.ts'
import { eventually } from '../support/eventually.ts'
import { LogBook } from '../support/render-rig.ts'
import { scratchDir } from '../support/scratch.ts'
import { describeOnStores } from '../support/store-servers.ts'

describeOnStores('a directory of confd', (server) => {
  test('is followed: keys, directories, a removal, names of hosts', async () => {
    const client = server.client()
    const folder = await scratchDir()
    for (const name of ['conf.d', 'templates']) await mkdir(join(folder, name))
    const dest = join(folder, 'out')
    await writeFile(join(folder, 'conf.d/a.toml'), `[template]\nsrc = "a"\ndest = "${dest}"\nkeys = ["/svc", "/name"]`)
    await writeFile(
      join(folder, 'templates/a'),
      '{{getv "/name"}}:{{range lsdir "/svc"}} {{.}}({{range gets (printf "/svc/%s/*" .)}}{{.Value}},{{end}}){{end}} {{lookupIPV4 "127.0.0.1"}}',
    )
    await client.set('/name', 'shop')
    await client.set('/svc/web/a', '1')
    const log = new LogBook()
    const agent = new Agent({
      source: client,
      load: () => readResources({ directory: folder, prefix: '', wait: undefined, hasCommand: false }),
      settings: {
        noop: false,
        syncOnly: false,
        keepStageFile: false,
        surroundings: { env: {}, nowMs: Date.now, resolver: SYSTEM_NAMES, utc: true },
        reloadPorts: { tellChild: undefined, dockerHost: undefined },
        log,
      },
      log,
    })
    const over = new AbortController()
    const following = agent.follow(over.signal)
    const until = (text: string) => eventually(text, async () => (await readFile(dest, 'utf8')) === text)
    await until('shop: web(1,) [127.0.0.1]')
    await client.set('/svc/web/b', '2')
    await client.set('/svc/api/c', '3')
    await until('shop: api(3,) web(1,2,) [127.0.0.1]')
    await client.delete('/svc/web', { recursive: true })
    await until('shop: api(3,) [127.0.0.1]')
    over.abort()
    await following
    expect(log.lines.filter((line) => !line.startsWith('info'))).toEqual([])
  })
})
