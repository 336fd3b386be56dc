/**
 * Runs a sequence against both servers, step by step, each step at the same time on both.
 *
 * Owns: connections, watches that stay open meanwhile, waiting for what expires, when a try says nothing. Leaves to others:
 * whether what came is equal (compare).
 */
import type { Pair, Side } from './pair.ts'
import { type Ask, type Raw, requestBytes, type Step } from './steps.ts'
import { headerOf, type Received, type Wire } from './wire.ts'

/** For how long an answer is waited for. */
const ANSWER_MS_MAX = 5_000
/** For how long what one server has sent already is waited for from the other. */
const CATCH_UP_MS_MAX = 1_500
/** etcd sweeps twice a second. */
const SWEEP_MS = 600
/** A key that shall live for a second must have been dealt with by then, or the machine was too slow for this try. */
const LATE_MS = 800

/** What both did with one step. */
export interface Observation {
  readonly step: Ask | Raw
  /** Name of the try's own directory. */
  readonly prefix: string
  /** The index before it; both servers'. */
  readonly index: number
  readonly etcd: Received
  readonly muster: Received
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

/** Runs the steps below a fresh directory. */
export async function runSequence(pair: Pair, steps: readonly Step[]): Promise<Run> {
  let index = await pair.level()
  const prefix = pair.freshPrefix()
  const observations: Observation[] = []
  const watches: OpenWatch[] = []
  let dueMs = 0
  let firstShortMs = Number.POSITIVE_INFINITY
  let late = false
  const wires: Wire[] = []

  const note = (seen: Omit<Observation, 'prefix' | 'index' | 'doneMs'>): void => {
    observations.push({ ...seen, prefix, index, doneMs: Date.now() })
  }
  const noteShort = (received: Received): void => {
    for (const expirationMs of expirations(received)) {
      if (expirationMs > Date.now() + 1_500) continue
      dueMs = Math.max(dueMs, expirationMs)
      firstShortMs = Math.min(firstShortMs, Date.now())
    }
  }
  try {
    for (const step of steps) {
      if (step.kind === 'settle') {
        if (dueMs === 0) continue
        if (Date.now() - firstShortMs > LATE_MS) late = true
        await settle(pair, dueMs)
        index = await pair.etcd.index()
        dueMs = 0
        firstShortMs = Number.POSITIVE_INFINITY
        continue
      }
      const text = requestBytes(step, { prefix, index })
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
      noteShort(last.etcd)
      index = Math.max(index, indexOf(last.etcd), indexOf(last.muster))
    }
    if (dueMs > 0) {
      if (Date.now() - firstShortMs > LATE_MS) late = true
      await settle(pair, dueMs)
    }
    for (const watch of watches) {
      const [etcd, muster] = await presentOfBoth(watch)
      observations[watch.at] = { ...(observations[watch.at] as Observation), etcd, muster }
    }
    return { observations, late }
  } finally {
    for (const wire of wires) wire.close()
  }
}

function indexOf(received: Received): number {
  return received.kind === 'answer' ? Number(headerOf(received, 'x-etcd-index') ?? 0) : 0
}

function expirations(received: Received): number[] {
  if (received.kind !== 'answer' || !received.body.includes('"expiration"')) return []
  return [...received.body.matchAll(/"expiration":"([^"]+)"/g)].map(([, time = '']) => Date.parse(time))
}

/** Waits until what is due at `dueMs` is gone from both. That it is gone from neither, or one, is for later steps to see. */
async function settle(pair: Pair, dueMs: number): Promise<void> {
  await untilWall(dueMs + SWEEP_MS)
  for (let tries = 0; tries < 20; tries += 1) {
    const [etcd, muster] = await Promise.all([pair.etcd.index(), pair.muster.index()])
    if (etcd === muster) return
    await untilWall(Date.now() + 50)
  }
}

function untilWall(wallMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, wallMs - Date.now())))
}

/** Sends bytes on a connection of their own, and then a plain request behind them. */
async function askRaw(side: Side, text: string): Promise<{ received: Received; serves: boolean }> {
  const wire = await side.connect()
  try {
    wire.send(text)
    const received = await wire.answer(text.startsWith('HEAD '), CATCH_UP_MS_MAX)
    if (received.kind !== 'answer' || wire.ended) return { received, serves: false }
    wire.send('GET /v2/none HTTP/1.1\r\nHost: a\r\n\r\n')
    const next = await wire.answer(false, CATCH_UP_MS_MAX)
    return { received, serves: next.kind === 'answer' && next.status === 404 }
  } finally {
    wire.close()
  }
}

/** What a watch got on both sides, once both have got as much, or one has had its time. */
async function presentOfBoth({ etcd, muster }: OpenWatch): Promise<[Received, Received]> {
  const want = Math.max(sizeOf(etcd.present()), sizeOf(muster.present()))
  const enough = (received: Received): boolean => sizeOf(received) >= want
  return Promise.all([etcd.presentWhen(enough, CATCH_UP_MS_MAX), muster.presentWhen(enough, CATCH_UP_MS_MAX)])
}

/** How far an answer has come: events, and its end. */
function sizeOf(received: Received): number {
  if (received.kind !== 'answer') return 0
  return received.body.split('\n').length + (received.whole ? 1 : 0)
}
