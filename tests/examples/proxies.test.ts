/**
 * The examples with nginx and HAProxy, as their READMEs say, under load: no request fails while instances are added, drained and
 * removed in order, and at most those under way when one is killed.
 */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { openExample } from '../support/example.ts'
import { SteadyLoad } from '../support/steady-load.ts'

const CLIENTS = 4
/** Answers that show who answers, and that nothing is broken. */
const SOME = 40
const ENOUGH = 200

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `PATH="$PATH:/usr/sbin" command -v ${program}`])
    return true
  } catch {
    return false
  }
}

for (const proxy of ['nginx', 'haproxy'] as const) {
  test.skipIf(!isInstalled(proxy))(
    `${proxy}, which has to be installed: no request fails while backends come and go`,
    async () => {
      const { blocks, start, run } = await openExample(proxy)
      const [store = '', render = '', first = '', ask = '', second = '', drain = ''] = blocks
      expect(blocks, 'run the new block here').toHaveLength(6)
      await start(store).untilOutput(/^musterd is ready: /m)
      const rendering = start(render)
      const one = start(first)
      const answer = await eventually('an answer', () => run(ask))
      expect(answer).toMatch(/^web-1 \d+\n$/)
      const url = /http:\S+/.exec(ask)?.[0] ?? ''

      const load = new SteadyLoad(url, CLIENTS)
      const answeredBy = async (...names: readonly string[]): Promise<void> => {
        await eventually(`answers by ${names}`, async () => (await load.next(SOME)).join() === names.join())
        await load.next(ENOUGH)
      }
      const two = start(second)
      await answeredBy('web-1', 'web-2')
      await run(drain)
      await answeredBy('web-2')
      await run(drain.replace(' drain ', ' undrain '))
      await answeredBy('web-1', 'web-2')
      // To the agent alone: that it tells the command in time is what is shown here.
      process.kill(two.pid, 'SIGTERM')
      await answeredBy('web-1')
      await eventually('the second to have ended', () => two.exit)
      start(second)
      await answeredBy('web-1', 'web-2')
      expect({ failures: load.failures, said: load.failures.length > 0 ? rendering.stderr : '' }).toEqual({
        failures: [],
        said: '',
      })

      const pid = Number(/web-1 (\d+)/.exec(answer)?.[1])
      process.kill(pid, 'SIGKILL')
      await eventually('its agent to have ended', () => one.exit)
      await answeredBy('web-2')
      expect(
        load.failures.length,
        `${load.failures.slice(0, 3).join()}\n${rendering.stderr.slice(-3_000)}`,
      ).toBeLessThanOrEqual(CLIENTS)
    },
  )
}
