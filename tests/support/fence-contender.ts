/**
 * A program for tests: many contenders for a few locks, or candidates of one election, who tell a ledger when they hold what.
 *
 * Arguments: `lock` or `election`, client URLs with commas, the ledger's port, the TTL in seconds, how many contend for each of
 * how many resources. It runs until it is killed.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { ClientError, CoordinationError, MusterClient, type Session } from '../../src/entry/client.ts'
import type { Entry, Verdict } from './fence-ledger.ts'

const [mode = '', endpoints = '', port = '', ttlText = '', contenders = '', resources = ''] = process.argv.slice(2)
const ttl = Number(ttlText)
const client = new MusterClient({ endpoints: endpoints.split(','), timeoutMs: ttl * 1000 })
const PAUSE_MS = 20
/** An elected one says so often that it is still there. With an even token it goes on for two TTLs, else for some 20 to 120 beats. */
const BEAT_MS = 5

/** One connection to the ledger: what it holds ends with it. */
class Ledger {
  readonly #socket: Socket
  readonly #answers: AsyncIterator<string>

  constructor() {
    this.#socket = connect(Number(port), '127.0.0.1').setNoDelay(true)
    this.#answers = createInterface({ input: this.#socket })[Symbol.asyncIterator]()
  }

  async tell(entry: Entry): Promise<Verdict> {
    this.#socket.write(`${JSON.stringify(entry)}\n`)
    const { value, done } = await this.#answers.next()
    if (done === true) process.exit(0)
    return JSON.parse(value) as Verdict
  }
}

/** How one holder speaks to the ledger. False: it was refused. */
function speaker(ledger: Ledger, resource: string, held: { readonly fence: number; readonly remainingMs: number }) {
  return async (kind: 'enter' | 'beat' | 'leave'): Promise<boolean> => {
    const { fence } = held
    const { ok } = await ledger.tell({ kind, resource, fence, isHeld: held.remainingMs > 0 })
    if (!ok) await ledger.tell({ kind: 'late', resource, fence, isHeld: held.remainingMs > 0 })
    return ok
  }
}

/** Conditions of the world that a contender lives with. */
function isExpected(error: unknown): boolean {
  return error instanceof ClientError || error instanceof CoordinationError
}

async function contend(resource: string, sessionOf: () => Promise<Session> | undefined): Promise<never> {
  const ledger = new Ledger()
  for (;;) {
    try {
      const session = await sessionOf()
      const lock = await client.lock(resource, session === undefined ? { ttl } : { session })
      const { fence } = lock
      const tell = speaker(ledger, resource, lock)
      if ((await tell('enter')) && fence % 7 === 0) await wait(fence % 10)
      await tell('leave')
      await lock.unlock()
    } catch (error) {
      if (!isExpected(error)) throw error
      await wait(PAUSE_MS)
    }
  }
}

/** Sessions for contenders that share one: another when it is lost. */
function shared(): () => Promise<Session> {
  let session: Promise<Session> | undefined
  return async () => {
    try {
      if (session !== undefined && (await session).signal.aborted) session = undefined
    } catch {
      session = undefined
    }
    session ??= client.session({ ttl })
    return session
  }
}

async function stand(resource: string): Promise<never> {
  const ledger = new Ledger()
  for (;;) {
    try {
      await client.election(resource).lead(
        `${process.pid}`,
        async (term) => {
          const { fence, signal } = term
          const tell = speaker(ledger, resource, term)
          const termMs = fence % 2 === 0 ? 2_000 * ttl : BEAT_MS * (20 + (fence % 100))
          const endMs = (await tell('enter')) ? performance.now() + termMs : 0
          while (performance.now() < endMs && !signal.aborted) {
            await tell('beat')
            await wait(BEAT_MS)
          }
          await tell('leave')
        },
        { ttl },
      )
    } catch (error) {
      if (!isExpected(error)) throw error
      await wait(PAUSE_MS)
    }
  }
}

const works: Promise<never>[] = []
for (let at = 0; at < Number(resources); at += 1) {
  const sessionOf = shared()
  for (let n = 0; n < Number(contenders); n += 1) {
    const resource = `/contended/${mode}-${at}`
    works.push(mode === 'election' ? stand(resource) : contend(resource, n % 2 === 0 ? () => undefined : sessionOf))
  }
}
process.stdout.write('contending\n')
await once(process, 'SIGTERM')
process.exit(0)
