/**
 * `node bench/profile.ts ROW`: one row against muster, with V8's sampling profiler on the leader (or on a follower) while the
 * load runs, and then the functions that cost most, by their own time.
 *
 * The profiler is switched on through the inspector and not by --cpu-prof, so that start-up and warm-up stay out of the
 * profile, and so that it runs in one member only: which one leads is known after the start.
 */
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { Cluster, type ClusterMember } from './cluster.ts'
import { contender, ROOT } from './contenders.ts'
import { Inspector } from './inspector.ts'
import { JOBS } from './jobs.ts'
import { FULL_EFFORT } from './options.ts'
import { type CpuProfile, renderProfile } from './profile-table.ts'
import type { Effort, Sample } from './row.ts'
import { Workspace } from './workspace.ts'

const SAMPLE_MICROS = 200

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '5' },
    on: { type: 'string', default: 'leader' },
    subject: { type: 'string', default: 'muster' },
    top: { type: 'string', default: '40' },
    out: { type: 'string' },
  },
})
const [rowName = 'put64'] = positionals
const job = JOBS.find((one) => one.rows.some((row) => row.name === rowName))
if (job === undefined || (values.on !== 'leader' && values.on !== 'follower')) {
  process.stderr.write(
    'node bench/profile.ts [ROW] [--on leader|follower] [--seconds S] [--top N] [--out FILE.cpuprofile] [--subject FOLDER]\n',
  )
  process.exit(2)
}

const workspace = new Workspace()
const cluster = await Cluster.start(contender(values.subject), workspace, ['--inspect=127.0.0.1:0'])
// The follower that the rows use is the first one.
const member = values.on === 'leader' ? await cluster.leader() : (await cluster.followers())[0]
if (member === undefined) throw new Error('the cluster has no follower')
const effort: Effort = { ...FULL_EFFORT, seconds: Number(values.seconds), warmUpSeconds: 1 }
await run({ ...effort, seconds: 2 })
const inspector = await Inspector.connect(inspectorUrl(member))
await inspector.call('Profiler.enable')
await inspector.call('Profiler.setSamplingInterval', { interval: SAMPLE_MICROS })
await inspector.call('Profiler.start')
const samples = await run(effort)
const { profile } = (await inspector.call('Profiler.stop')) as { readonly profile: CpuProfile }
inspector.close()
await cluster.stop()

for (const { row, values: numbers, errors } of samples) {
  const text = Object.entries(numbers).map(([id, value]) => `${id} ${value.toFixed(2)}`)
  process.stdout.write(`${row}: ${[...text, ...errors].join(', ')} (with the profiler on)\n`)
}
process.stdout.write(`\n${renderProfile(profile, ROOT, Number(values.top))}\n`)
if (values.out !== undefined) writeFileSync(values.out, JSON.stringify(profile))
process.exit(0)

function run(effortNow: Effort): Promise<readonly Sample[]> {
  if (job === undefined) throw new Error('there is no job')
  return job.run({ cluster, workspace, effort: effortNow, wanted: new Set([rowName]) })
}

function inspectorUrl(of: ClusterMember): string {
  const url = /^Debugger listening on (ws:\S+)/m.exec(of.errorOutput())?.[1]
  if (url === undefined) throw new Error(`${of.options.name} did not say where its inspector listens`)
  return url
}
