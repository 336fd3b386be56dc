/** A place in a queue is not believed in longer than it surely lasts, nor left behind where it may stand. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { acquireLock } from '../../../src/client/coordination/lock.ts'
import type { QueueClient } from '../../../src/client/coordination/queue.ts'
import { openSession } from '../../../src/client/coordination/session.ts'
import { ClientError } from '../../../src/client/errors.ts'
import type { Found } from '../../../src/client/keys.ts'

const NAME = '00000000000000000007'

/** A queue whose only place is that of whoever asks last; it answers in no time. */
class OnePlace implements QueueClient {
  readonly closed = new AbortController().signal
  readonly removed: string[] = []
  /** What the place holds; empty: there is none. */
  #text = ''
  /** Before an answer to a reading arrives. */
  beforeRead = (): void => undefined
  afterCreate = (): void => undefined

  readonly create = async (path: string, text: unknown): Promise<never> => {
    this.#text = String(text)
    this.afterCreate()
    return found({ key: `${path}/${NAME}` })
  }

  readonly get = async (path: string): Promise<never> => {
    const nodes = this.#text === '' ? [] : [{ key: `${path}/${NAME}`, value: this.#text }]
    this.beforeRead()
    return found({ nodes })
  }

  readonly add = async (): Promise<never> => found({})

  refresh(): Promise<Found> {
    return Promise.resolve(found({}))
  }

  async delete(path: string): Promise<Found> {
    this.removed.push(path)
    return found({})
  }

  async *watch(): AsyncGenerator<never, void, void> {}
}

function found(node: Found['node']): never {
  return { node, index: 7 } as never
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a place in a queue', () => {
  test('is not first any more when the process stood still while it asked, though no timer has run yet', async () => {
    const client = new OnePlace()
    const session = await openSession(client, { ttl: 10 })
    client.beforeRead = () => {
      const now = performance.now()
      vi.spyOn(performance, 'now').mockImplementation(() => now + 11_000)
    }
    const asked = acquireLock(client, '/a', { session })
    await expect(asked).rejects.toMatchObject({ code: 'MUSTER_SESSION_LOST' })
    vi.restoreAllMocks()
    await session.close()
  })

  test('that may have been made is taken away when it cannot be looked for', async () => {
    const client = new OnePlace()
    client.afterCreate = () => {
      throw new ClientError('MUSTER_CLIENT_TIMEOUT', 'no answer', { definite: false, retriable: true })
    }
    let reads = 0
    client.beforeRead = () => {
      reads += 1
      if (reads === 1) throw new ClientError('MUSTER_CLIENT_UNREACHABLE', 'nobody', { definite: true, retriable: true })
    }
    await expect(acquireLock(client, '/a')).rejects.toMatchObject({ code: 'MUSTER_CLIENT_UNREACHABLE' })
    expect(client.removed).toContain(`/_lock-a/${NAME}`)
  })
})
