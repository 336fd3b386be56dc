/**
 * Asks for a password: on a terminal without showing it, else the next line of standard input.
 *
 * Owns: the prompt, what the keys do, standard input while it is read, signals meanwhile. Leaves to others: what the password is for.
 */
import { Buffer } from 'node:buffer'
import { constants } from 'node:os'
import process from 'node:process'

/** Bytes that are taken; more is no password but a mistake. */
const BYTES_MAX = 64 * 1024

/** Bytes that end a line, and keys of a terminal. */
const LINE_END = 0x0a
const RETURN = 0x0d
const CTRL_C = 0x03
const CTRL_D = 0x04

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * The password without blanks around it; empty when input ends. What follows on standard input stays there. Ctrl-C and signals end the
 * process, with 128 and the signal's number, whatever a command does about them otherwise: it has not begun.
 * @param shown where the prompt goes: standard error, where it is never taken for a value; etcdctl's commands have it in their output.
 */
export async function askPassword(prompt: string, shown: NodeJS.WriteStream): Promise<string> {
  const { stdin } = process
  const isTerminal = stdin.isTTY === true
  const restore = (): void => {
    if (isTerminal) stdin.setRawMode(false)
    shown.write('\n')
  }
  const end = (signal: NodeJS.Signals): void => {
    restore()
    process.exit(128 + constants.signals[signal])
  }
  for (const signal of ENDING) process.prependListener(signal, end)
  if (isTerminal) stdin.setRawMode(true)
  shown.write(prompt)
  try {
    return (await readLine(isTerminal, () => end('SIGINT'))).toString('utf8').trim()
  } finally {
    restore()
    stdin.pause()
    for (const signal of ENDING) process.off(signal, end)
  }
}

/** @param interrupt Ctrl-C: the terminal sends no signal while its keys come one by one. */
function readLine(isTerminal: boolean, interrupt: () => void): Promise<Buffer> {
  const { stdin } = process
  return new Promise((done, failed) => {
    let line = Buffer.alloc(0)
    const finish = (): void => {
      stdin.off('data', take).off('end', finish).off('error', failed)
      stdin.pause()
      done(line)
    }
    const take = (piece: Buffer): void => {
      const end = piece.findIndex((byte) => byte === LINE_END || byte === RETURN || (isTerminal && byte === CTRL_D))
      const typed = end < 0 ? piece : piece.subarray(0, end)
      if (isTerminal && typed.includes(CTRL_C)) return interrupt()
      line = isTerminal ? edited(line, typed) : Buffer.concat([line, typed])
      if (line.length > BYTES_MAX) return failed(new Error('a password is no longer than 64 KiB'))
      if (end < 0) return
      finish()
      if (end + 1 < piece.length) stdin.unshift(piece.subarray(end + 1))
    }
    stdin.on('data', take).on('end', finish).on('error', failed)
  })
}

/** The line after further keys: a backspace takes the last character away, all of its bytes. */
function edited(line: Buffer, typed: Buffer): Buffer<ArrayBuffer> {
  let text = line.toString('utf8')
  for (const key of typed.toString('utf8')) {
    if (key === '\b' || key === '\x7f') text = [...text].slice(0, -1).join('')
    else text += key
  }
  return Buffer.from(text)
}
