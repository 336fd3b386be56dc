/** `npm run cluster`, as typed: three members that serve, and a Ctrl-C that ends them all. */
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { freePort, isFree } from '../support/free-port.ts'
import { KeysClient } from '../support/keys-client.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const STOP_MS_MAX = 6_000

describe('npm run cluster', () => {
  test('serves from three members with prefixed lines, and Ctrl-C ends all of them in order', async () => {
    const ports: number[] = []
    while (ports.length < 6) ports.push(await freePort())
    const [clientPorts, peerPorts] = [ports.slice(0, 3), ports.slice(3)]
    const folder = await scratchDir()
    const words = [
      ...['--client-ports', clientPorts.join(), '--peer-ports', peerPorts.join()],
      ...['--data-dir', join(folder, 'cluster')],
    ]
    const child = startChild('npm', ['run', '-s', 'cluster', '--', ...words], { group: true })
    // Members have groups of their own, which only the script can reach.
    onTestFinished(async () => {
      child.kill('SIGINT')
      await child.exited
    })
    for (const name of ['m1', 'm2', 'm3']) await child.untilOutput(new RegExp(`^${name} \\| musterd is ready: `, 'm'))

    const client = new KeysClient()
    const [writer = '', ...readers] = clientPorts.map((port) => `http://127.0.0.1:${port}`)
    expect((await client.put(writer, '/k', { value: 'v' })).status).toBe(201)
    for (const url of readers) {
      await eventually('the value on every member', async () => (await client.get(url, '/k')).body?.node?.value === 'v')
    }
    await client.close()

    const toldMs = performance.now()
    child.kill('SIGINT')
    await child.exited
    expect(performance.now() - toldMs).toBeLessThan(STOP_MS_MAX)
    for (const name of ['m1', 'm2', 'm3'])
      expect(child.stdout).toMatch(new RegExp(`^${name} \\| ended with status 0$`, 'm'))
    for (const port of ports) expect(await isFree(port)).toBe(true)
  })
})
