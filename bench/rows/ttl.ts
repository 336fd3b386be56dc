/**
 * How late keys expire: keys with a TTL are set one after the other, and a streaming watcher notes when each is gone.
 *
 * Lateness counts from the moment before the PUT was sent, plus the TTL: it includes the way of the write and of the event,
 * and can only be negative when a key expired early, which is an error.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { put } from '../requests.ts'
import type { Job, JobContext, Row, Sample } from '../row.ts'
import { percentile } from '../statistics.ts'

const TTL_SECONDS = 1
const BETWEEN_MS = 17
/** How long after the last deadline an expiry is still waited for. Milliseconds. */
const LATE_MS_MAX = 5000
/** Clocks of different processes are read at different moments. Milliseconds. */
const EARLY_MS_MAX = 1

const row: Row = {
  name: 'ttl',
  title: 'TTL lateness',
  measures: [
    { id: 'p50Ms', label: 'p50 ms', digits: 0, goal: { of: 'value', bound: 'max', limit: 50 } },
    { id: 'maxMs', label: 'worst ms', digits: 0 },
  ],
}

/** The one job of this family. */
export const ttlJob: Job = { rows: [row], ownCluster: false, run: async (context) => [await run(context)] }

async function run({ cluster, effort }: JobContext): Promise<Sample> {
  const leader = await cluster.leader()
  const folder = `${leader.clientUrl}/v2/keys/bench-ttl`
  const goneAtMs = new Map<string, number>()
  const agent = new Agent({ bodyTimeout: 0 })
  const watch = await request(`${folder}?wait=true&recursive=true&stream=true`, { dispatcher: agent })
  const reading = readExpiries(watch.body.setEncoding('utf8'), goneAtMs)
  try {
    const dueAtMs = new Map<string, number>()
    for (let at = 0; at < effort.ttlKeys; at++) {
      dueAtMs.set(`/bench-ttl/${at}`, performance.now() + TTL_SECONDS * 1000)
      await put(`${folder}/${at}`, 'x', TTL_SECONDS)
      await sleep(BETWEEN_MS)
    }
    const deadline = performance.now() + TTL_SECONDS * 1000 + LATE_MS_MAX
    while (goneAtMs.size < dueAtMs.size && performance.now() < deadline) await sleep(10)
    return sampleOf(dueAtMs, goneAtMs)
  } finally {
    await agent.destroy()
    await reading
  }
}

function sampleOf(dueAtMs: ReadonlyMap<string, number>, goneAtMs: ReadonlyMap<string, number>): Sample {
  const late = [...goneAtMs].map(([key, at]) => at - (dueAtMs.get(key) ?? Number.NaN)).sort((a, b) => a - b)
  const errors: string[] = []
  const early = late.filter((ms) => ms < -EARLY_MS_MAX).length
  if (early > 0) errors.push(`${early} keys expired early`)
  if (goneAtMs.size < dueAtMs.size) errors.push(`${dueAtMs.size - goneAtMs.size} keys did not expire`)
  return { row: row.name, values: { p50Ms: percentile(late, 50), maxMs: percentile(late, 100) }, errors }
}

/** Notes when the expiry of each key arrived. Events are lines, or follow each other without a gap. */
async function readExpiries(stream: AsyncIterable<unknown>, goneAtMs: Map<string, number>): Promise<void> {
  let rest = ''
  try {
    for await (const chunk of stream) {
      const at = performance.now()
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line === '') continue
        const event = JSON.parse(line) as { action: string; node: { key: string } }
        if (event.action === 'expire') goneAtMs.set(event.node.key, at)
      }
    }
  } catch (error) {
    // Closing the agent ends the stream with an error; anything that cannot be read is one of ours.
    if (error instanceof SyntaxError) throw error
  }
}
