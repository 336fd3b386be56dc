/** Of many candidates one leads; leaders follow each other with larger tokens, and each learns of its end first. */
import { expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../../src/client/client.ts'
import { Election, type Leader, type Standing } from '../../../src/client/coordination/election.ts'
import { openSession } from '../../../src/client/coordination/session.ts'
import { wakingNowMs } from '../../../src/client/coordination/waking-clock.ts'
import { eventually } from '../../support/eventually.ts'
import { describeOnStores } from '../../support/store-servers.ts'
import { TcpProxy } from '../../support/tcp-proxy.ts'

type Campaign = AsyncGenerator<Standing, void, void>

/** The token of the campaign's next term. */
async function untilLeader(campaign: Campaign): Promise<Extract<Standing, { state: 'leader' }>> {
  for (;;) {
    const { value, done } = await campaign.next()
    if (done === true) throw new Error('the campaign has ended')
    if (value.state === 'leader') return value
  }
}

describeOnStores('an election', (server) => {
  test('is won by the first; the second follows, and leads when the first leaves its loop', async () => {
    const election = new Election(server.client(), '/turns')
    const [one, two] = [election.campaign('one'), election.campaign('two')]
    expect((await one.next()).value).toEqual({ state: 'follower' })
    const first = await untilLeader(one)
    expect((await two.next()).value).toEqual({ state: 'follower' })
    expect(await election.leader()).toMatchObject({ value: 'one', fence: first.fence })

    const winning = untilLeader(two)
    await one.return()
    expect(first.signal.aborted).toBe(true)
    const second = await winning
    expect(second.fence).toBeGreaterThan(first.fence)
    await two.return()
    expect(await election.leader()).toBeUndefined()
  })

  test('tells observers who leads, and when nobody does', async () => {
    const client = server.client()
    const election = new Election(client, '/seen')
    const over = new AbortController()
    const seen: (string | undefined)[] = []
    const observing = (async () => {
      for await (const leader of election.observe({ signal: over.signal })) seen.push(leader?.value)
    })()
    await eventually('nobody to be seen', () => seen.length === 1)
    const one = election.campaign('one')
    await untilLeader(one)
    await eventually('one to be seen', () => seen.length === 2)
    const two = election.campaign('two')
    await two.next()
    const winning = untilLeader(two)
    await one.return()
    await winning
    await eventually('two to be seen', () => seen.at(-1) === 'two')
    await two.return()
    await eventually('nobody to be seen again', () => seen.at(-1) === undefined)
    over.abort()
    await observing
    expect(seen.filter((each, at) => each !== seen[at - 1] || at === 0)).toEqual([undefined, 'one', 'two', undefined])
  })

  test('ends when its signal aborts, whatever it waits for, and the leader resigns', async () => {
    const election = new Election(server.client(), '/resigned')
    const [leading, following] = [new AbortController(), new AbortController()]
    const one = election.campaign('one', { signal: leading.signal })
    const term = await untilLeader(one)
    const two = election.campaign('two', { signal: following.signal })
    await two.next()
    const waiting = two.next()
    following.abort()
    expect(await waiting).toEqual({ value: undefined, done: true })

    const next = one.next()
    leading.abort()
    expect(await next).toMatchObject({ done: true })
    expect(term.signal.aborted).toBe(true)
    expect(await election.leader()).toBeUndefined()
  })

  test('does work while it leads: what it returns ends it, and after a loss it begins again with a larger token', async () => {
    const client = server.client()
    const election = new Election(client, '/work')
    const fences: number[] = []
    const done = await election.lead(
      'worker',
      async ({ fence, signal }) => {
        fences.push(fence)
        if (fences.length === 2) return 'done'
        const leader = (await election.leader()) as Leader
        await client.delete(leader.key)
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        throw new Error('stopped as it was told to')
      },
      { ttl: 1 },
    )
    expect(done).toBe('done')
    expect(fences[1]).toBeGreaterThan(fences[0] as number)
    await expect(
      election.lead('worker', () => {
        throw new Error('by itself')
      }),
    ).rejects.toThrow('by itself')
    expect(await election.leader()).toBeUndefined()
    const over = new AbortController()
    const leading = election.lead(
      'worker',
      ({ signal }) => new Promise((end) => signal.addEventListener('abort', end)),
      {
        signal: over.signal,
      },
    )
    await eventually('a leader', () => election.leader())
    over.abort(new Error('enough'))
    await expect(leading).rejects.toThrow('enough')
  })

  test('is lost when the store is out of reach, told before another leads, and campaigned for again', async () => {
    const wire = await new TcpProxy(() => Number(new URL(server.url).port)).listen()
    onTestFinished(() => wire.close())
    const cut = new MusterClient({ endpoints: [wire.url], timeoutMs: 500 })
    onTestFinished(() => cut.close())
    const far = new Election(cut, '/cut').campaign('far', { ttl: 1 })
    const near = new Election(server.client(), '/cut').campaign('near')
    const lost = await untilLeader(far)
    await near.next()
    wire.stall()
    const next = await untilLeader(near)
    expect(lost.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST' })
    expect(next.fence).toBeGreaterThan(lost.fence)
    expect((await far.next()).value).toEqual({ state: 'follower' })

    wire.cut()
    wire.resume()
    const again = untilLeader(far)
    await near.return()
    expect((await again).fence).toBeGreaterThan(next.fence)
    await far.return()
  })

  test('rejects when the session of the caller keeps too much already', async () => {
    const client = server.client()
    const session = await openSession(client, { ttl: 60 })
    for (let at = 0; at < 1_000; at += 1) session.keep(`/kept/${at}`, wakingNowMs())
    await expect(new Election(client, '/full').campaign('one', { session }).next()).rejects.toMatchObject({
      code: 'MUSTER_SESSION_FULL',
    })
    expect(await new Election(client, '/full').leader()).toBeUndefined()
  })

  test('with a session of the caller ends when that does', async () => {
    const client = server.client()
    const session = await openSession(client)
    const campaign = new Election(client, '/with-session').campaign('one', { session })
    const term = await untilLeader(campaign)
    await session.close()
    expect(term.signal.aborted).toBe(true)
    await campaign.next()
    await expect(campaign.next()).rejects.toMatchObject({ code: 'MUSTER_SESSION_CLOSED' })
  })
})
