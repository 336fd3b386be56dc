/** The examples that need nothing but Node.js, as their READMEs say. */
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { openExample } from '../support/example.ts'

const READY = /^musterd is ready: /m

test('config-reload: one process has each new setting, and none that would break its file', async () => {
  const { blocks, start, run } = await openExample('config-reload')
  expect(blocks, 'run the new block here').toHaveLength(5)
  const [store = '', program = '', change = '', spoil = '', mend = ''] = blocks
  await start(store).untilOutput(READY)
  const running = start(program)
  const [, pid] = await running.untilOutput(/^process (\d+) has greeting=hello limit=10$/m)
  await run(change)
  await running.untilOutput(new RegExp(`^process ${pid} has greeting=good evening limit=10$`, 'm'))
  await run(spoil)
  await running.untilOutput(/the last good file stays/)
  await run(mend)
  await running.untilOutput(new RegExp(`^process ${pid} has greeting=good evening limit=20$`, 'm'))
  expect(running.stdout).not.toContain('not a number')
})

test('node-service: greeters are called as they come and go, and the store may stop', async () => {
  const { blocks, start, run } = await openExample('node-service')
  expect(blocks, 'run the new block here').toHaveLength(4)
  const [store = '', caller = '', greeter = '', discover = ''] = blocks
  const serving = start(store)
  await serving.untilOutput(READY)
  const calling = start(caller)
  await calling.untilOutput(/^0 greeters$/m)
  const one = start(greeter)
  const two = start(greeter)
  const [, first] = await one.untilOutput(/^process (\d+) is announced$/m)
  const [, second] = await two.untilOutput(/^process (\d+) is announced$/m)
  for (const pid of [first, second]) await calling.untilOutput(new RegExp(`^greetings from ${pid}$`, 'm'))
  expect((await run(discover)).trim().split('\n')).toHaveLength(3)

  one.kill('SIGTERM')
  expect((await one.exited).code).toBe(0)
  await eventually('the other alone', () => calling.stdout.split('2 greeters').at(-1)?.includes('1 greeters'))
  expect(calling.stdout).not.toContain('no answer')

  serving.kill('SIGTERM')
  await calling.untilOutput(/^1 greeters, as far as is known$/m)
  const before = calling.stdout.length
  await eventually('more greetings', () => calling.stdout.slice(before).includes(`greetings from ${second}`))
  calling.kill('SIGTERM')
  expect((await calling.exited).code).toBe(0)
})
