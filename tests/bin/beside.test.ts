/** A command beside an agent is over when it has ended, and not before. */
import { ChildProcess } from 'node:child_process'
import { afterEach, expect, test, vi } from 'vitest'
import { startBeside } from '../../bin/muster/beside.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

function refused(): Error {
  return Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
}

// As of sudo, which is root's as soon as it runs. A lock that went back then would be another's while the command goes on.
test.each([false, true])('one that may not be signalled is not over for that (as a group: %j)', async (isGroup) => {
  const said = vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  const beside = startBeside('sleep', ['20'], {}, isGroup)
  let status: number | undefined
  void beside.exited.then((exited) => {
    status = exited
  })
  const refusing = isGroup
    ? vi.spyOn(process, 'kill').mockImplementation(() => {
        throw refused()
      })
    : vi.spyOn(ChildProcess.prototype, 'kill').mockImplementation(function kill(this: ChildProcess) {
        this.emit('error', refused())
        return false
      })
  beside.kill('SIGTERM')
  beside.kill('SIGKILL')
  await new Promise(setImmediate)
  expect(status).toBeUndefined()
  expect(said.mock.calls.map(([text]) => text)).toEqual([
    ...Array(2).fill('muster: the command cannot be signalled, and runs on: kill EPERM\n'),
  ])
  refusing.mockRestore()
  beside.kill('SIGKILL')
  expect(await beside.exited).toBe(128 + 9)
})
