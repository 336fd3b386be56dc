/**
 * Watch fan-out: many streaming watchers of one key at the leader, and one writer. The watchers live in a process of their
 * own (watch-worker.ts).
 */
import { join } from 'node:path'
import process from 'node:process'
import { cpuMicros } from '../cpu.ts'
import type { Job, JobContext, Row, Sample } from '../row.ts'
import type { WatchMessage, WatchSpec } from '../watch-spec.ts'

const VALUE_BYTES = 256

const row: Row = {
  name: 'watch',
  title: '1,000 streaming watchers, one key',
  measures: [
    { id: 'rate', label: 'events/s', digits: 0, goal: { of: 'ratio', bound: 'min', limit: 3 } },
    { id: 'cpuMicros', label: 'CPU us/event', digits: 2 },
    { id: 'clientShare', label: 'share of a core used by the watchers', digits: 2 },
  ],
}

/** The one job of this family. */
export const watchJob: Job = { rows: [row], ownCluster: false, run: async (context) => [await run(context)] }

async function run({ cluster, workspace, effort }: JobContext): Promise<Sample> {
  const leader = await cluster.leader()
  const spec: WatchSpec = {
    url: leader.clientUrl,
    watchers: effort.watchers,
    seconds: effort.seconds,
    warmUpSeconds: effort.warmUpSeconds,
    valueBytes: VALUE_BYTES,
  }
  const args = [join(import.meta.dirname, '..', 'watch-worker.ts'), JSON.stringify(spec)]
  const child = workspace.spawn(process.execPath, args, { output: 'drop', channel: true })
  let before = 0
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error('the watchers ended without a result')))
    child.on('message', (message: WatchMessage) => {
      if (message.kind === 'ready') {
        before = cpuMicros(cluster.pids)
        child.send('go')
        return
      }
      const cpu = cpuMicros(cluster.pids) - before
      const { events, seconds } = message
      const values = {
        rate: events / seconds,
        cpuMicros: cpu / events,
        clientShare: message.cpuMicros / 1e6 / seconds,
      }
      resolve({ row: row.name, values, errors: message.errors.slice(0, 3) })
    })
  })
}
