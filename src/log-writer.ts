/**
 * Lines on their way to a file descriptor, without ever holding up whoever wrote them.
 *
 * Owns: the queue, its bound, and knowing when all is written. pino's own destination does not wait, when it is flushed, for a
 * write that is under way, and so may lose the last lines of a process. Those are the ones that matter.
 */
import { write } from 'node:fs'

/** Characters that may wait for a slow reader. Further lines are lost and counted: the store goes on. */
const WAITING_MAX = 1024 * 1024
/** A descriptor that takes nothing now is asked again after so long. Milliseconds. */
const RETRY_MS = 20
/** How long a flush waits for a reader that does not read. Milliseconds. */
const FLUSH_MS_MAX = 500

export class LogWriter {
  readonly #descriptor: number
  #waiting = ''
  #writing = false
  #lost = 0
  readonly #idle: (() => void)[] = []

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** Takes a line, with its line feed. */
  write(line: string): void {
    if (this.#waiting.length + line.length > WAITING_MAX) {
      this.#lost += 1
      return
    }
    this.#waiting += line
    if (!this.#writing) this.#writeNext()
  }

  /** Resolves when everything is written, or after half a second. */
  flush(): Promise<void> {
    if (!this.#writing) return Promise.resolve()
    return new Promise((done) => {
      const timer = setTimeout(done, FLUSH_MS_MAX)
      this.#idle.push(() => {
        clearTimeout(timer)
        done()
      })
    })
  }

  #writeNext(): void {
    this.#writing = this.#waiting !== ''
    if (!this.#writing) {
      for (const done of this.#idle.splice(0)) done()
      return
    }
    const text =
      this.#lost === 0 ? this.#waiting : `${this.#waiting}${this.#lost} log lines were lost: nobody read them\n`
    this.#waiting = ''
    this.#lost = 0
    this.#send(Buffer.from(text))
  }

  #send(bytes: Buffer): void {
    write(this.#descriptor, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(() => this.#send(bytes), RETRY_MS)
      // Any other error means that nobody will ever read these lines: there is nobody to tell.
      else if (error === null && written < bytes.length) this.#send(bytes.subarray(written))
      else this.#writeNext()
    })
  }
}
