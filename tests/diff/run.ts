/**
 * Runs a sequence against both servers, step by step, each step at the same time on both.
 *
 * Owns: connections, watches that stay open meanwhile, waiting for what expires, when a try says nothing. Leaves to others:
 * whether what came is equal (compare).
 */
import { Due } from './due.ts'
import type { Pair, Side } from './pair.ts'
import { type Ask, isReplaceable, type Raw, requestBytes, type Step } from './steps.ts'
import { headerOf, type Received, type Wire } from './wire.ts'

/** For how long an answer is waited for. */
const ANSWER_MS_MAX = 5_000
/** For how long the answer to bytes that break rules is waited for: there may be none. */
const RAW_MS_MAX = 1_500
const COUNTERS = '/v2/stats/store'

/** What both did with one step. */
export interface Observation {
  readonly step: Ask | Raw
  /** Name of the try's own directory. */
  readonly prefix: string
  /** The index before it; both servers'. */
  readonly index: number
  readonly etcd: Received
  readonly muster: Received
  /** What `/v2/stats/store` said before the first step, where a step reads it. */
  readonly bases: readonly [etcd: string, muster: string] | undefined
  /** Whether any step of the sequence asks for users or roles. */
  readonly asksAuth: boolean
  /** Whether two steps or more name U+FFFD or bytes that may become it: then what they name may be one thing or two. */
  readonly sendsBytes: boolean
  /** Whether the connection still served afterwards; undefined where that was not asked. */
  readonly etcdServes: boolean | undefined
  readonly musterServes: boolean | undefined
  /** Wall time before it was sent, and after both had answered. */
  readonly sentMs: number
  readonly doneMs: number
}

export interface Run {
  readonly observations: readonly Observation[]
  /** The try says nothing: keys expired while it ran, since the machine was too slow. */
  readonly late: boolean
}

interface OpenWatch {
  readonly at: number
  readonly etcd: Wire
  readonly muster: Wire
}

/**
 * Runs the steps below a fresh directory.
 * @param patienceMs for how long what a watcher got from one server is waited for from the other.
 */
export async function runSequence(pair: Pair, steps: readonly Step[], patienceMs: number): Promise<Run> {
  let index = await pair.level()
  const prefix = pair.freshPrefix()
  const observations: Observation[] = []
  const watches: OpenWatch[] = []
  const due = new Due()
  const wires: Wire[] = []

  const note = (seen: Omit<Observation, 'prefix' | 'index' | 'bases' | 'asksAuth' | 'sendsBytes' | 'doneMs'>): void => {
    observations.push({ ...seen, prefix, index, bases, asksAuth, sendsBytes, doneMs: Date.now() })
  }
  const asksAuth = steps.some((step) => step.kind === 'ask' && step.target.startsWith('/v2/auth/'))
  const sendsBytes = steps.filter(isReplaceable).length > 1
  const bases = steps.some(readsCounters) ? await countersOf(pair) : undefined
  try {
    for (const step of steps) {
      if (step.kind === 'settle') {
        await due.settle(pair)
        index = await pair.etcd.index()
        continue
      }
      const text = requestBytes(step, { prefix, index, sharedIndex: pair.sharedIndex })
      const sentMs = Date.now()
      if (step.kind === 'watch') {
        const [etcd, muster] = await Promise.all([pair.etcd.connect(), pair.muster.connect()])
        wires.push(etcd, muster)
        etcd.send(text)
        muster.send(text)
        const [theirs, ours] = await Promise.all([etcd.head(ANSWER_MS_MAX), muster.head(ANSWER_MS_MAX)])
        watches.push({ at: observations.length, etcd, muster })
        note({ step, etcd: theirs, muster: ours, etcdServes: undefined, musterServes: undefined, sentMs })
        continue
      }
      if (step.kind === 'raw') {
        const [etcd, muster] = await Promise.all([askRaw(pair.etcd, text), askRaw(pair.muster, text)])
        note({
          step,
          etcd: etcd.received,
          muster: muster.received,
          etcdServes: etcd.serves,
          musterServes: muster.serves,
          sentMs,
        })
      } else {
        const [etcd, muster] = await Promise.all([
          pair.etcd.ask(text, ANSWER_MS_MAX),
          pair.muster.ask(text, ANSWER_MS_MAX),
        ])
        note({ step, etcd, muster, etcdServes: undefined, musterServes: undefined, sentMs })
      }
      const last = observations.at(-1) as Observation
      index = Math.max(index, indexOf(last.etcd), indexOf(last.muster))
      if (await due.note(last.etcd)) {
        await due.settle(pair)
        index = await pair.etcd.index()
      }
    }
    await due.settle(pair)
    for (const watch of watches) {
      const [etcd, muster] = await presentOfBoth(watch, patienceMs)
      observations[watch.at] = { ...(observations[watch.at] as Observation), etcd, muster }
    }
    return { observations, late: due.late }
  } finally {
    for (const wire of wires) wire.close()
  }
}

function indexOf(received: Received): number {
  return received.kind === 'answer' ? Number(headerOf(received, 'x-etcd-index') ?? 0) : 0
}

function readsCounters(step: Step): boolean {
  return step.kind === 'ask' && step.method === 'GET' && step.target === COUNTERS
}

async function countersOf(pair: Pair): Promise<readonly [etcd: string, muster: string]> {
  const request = `GET ${COUNTERS} HTTP/1.1\r\nHost: a\r\n\r\n`
  const [etcd, muster] = await Promise.all([pair.etcd.ask(request), pair.muster.ask(request)])
  return [etcd.kind === 'answer' ? etcd.body : '', muster.kind === 'answer' ? muster.body : '']
}

/** Sends bytes on a connection of their own, and then a plain request behind them. */
async function askRaw(side: Side, text: string): Promise<{ received: Received; serves: boolean }> {
  const wire = await side.connect()
  try {
    wire.send(text)
    const received = await wire.answer(text.startsWith('HEAD '), RAW_MS_MAX)
    if (received.kind !== 'answer' || wire.ended) return { received, serves: false }
    wire.send('GET /v2/none HTTP/1.1\r\nHost: a\r\n\r\n')
    const next = await wire.answer(false, RAW_MS_MAX)
    return { received, serves: next.kind === 'answer' && next.status === 404 }
  } finally {
    wire.close()
  }
}

/** What a watch got on both sides, once both have got as much, or one has had its time. */
async function presentOfBoth({ etcd, muster }: OpenWatch, patienceMs: number): Promise<[Received, Received]> {
  const want = Math.max(sizeOf(etcd.present()), sizeOf(muster.present()))
  const enough = (received: Received): boolean => sizeOf(received) >= want
  return Promise.all([etcd.presentWhen(enough, patienceMs), muster.presentWhen(enough, patienceMs)])
}

/** How far an answer has come: events, and its end. One that etcd tells twice is no further than one that is told once. */
function sizeOf(received: Received): number {
  if (received.kind !== 'answer') return 0
  return new Set(received.body.split('\n')).size + (received.whole ? 1 : 0)
}
