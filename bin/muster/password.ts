/**
 * Asks for a password: on a terminal without showing it, else the next line of standard input.
 *
 * Owns: the prompt, what the keys do, standard input while it is read. Leaves to others: what the password is for.
 */
import process from 'node:process'

/** Characters that are taken; more is no password but a mistake. */
const CHARS_MAX = 64 * 1024

/** Keys of a terminal. */
const CTRL_C = '\x03'
const CTRL_D = '\x04'
const DELETE = /[\b\x7f]/

/** The password without blanks around it; empty when input ends. The prompt goes to standard output, as etcdctl's does. */
export async function askPassword(prompt: string): Promise<string> {
  process.stdout.write(prompt)
  const { stdin } = process
  const isTerminal = stdin.isTTY === true
  if (isTerminal) stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  try {
    return (await readLine(isTerminal)).trim()
  } finally {
    if (isTerminal) stdin.setRawMode(false)
    stdin.pause()
    process.stdout.write('\n')
  }
}

function readLine(isTerminal: boolean): Promise<string> {
  const { stdin } = process
  return new Promise((done, failed) => {
    let line = ''
    const finish = (): void => {
      stdin.off('data', take).off('end', finish).off('error', failed)
      done(line)
    }
    const take = (text: string): void => {
      for (const key of text) {
        if (key === '\n' || key === '\r' || (isTerminal && key === CTRL_D)) return finish()
        if (isTerminal && key === CTRL_C) return interrupt()
        line = isTerminal && DELETE.test(key) ? line.slice(0, -1) : line + key
        if (line.length > CHARS_MAX) return failed(new Error('a password is no longer than 64 KiB'))
      }
    }
    stdin.on('data', take).on('end', finish).on('error', failed)
  })
}

/** The terminal sends no signal while its keys come one by one. */
function interrupt(): void {
  process.stdin.setRawMode(false)
  process.stdout.write('\n')
  process.kill(process.pid, 'SIGINT')
}
