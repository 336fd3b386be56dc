/**
 * What users cost: the rates of reads and writes with auth on, by a user with a password, as a share of those without.
 */
import { request } from 'undici'
import { cpuMicros } from '../cpu.ts'
import { runLoad } from '../load.ts'
import type { LoadSpec } from '../load-spec.ts'
import type { Job, JobContext, Row, Sample } from '../row.ts'

const CONNECTIONS = 64
const KEYS = 1000
const VALUE_BYTES = 256
/** A user who may read and write the keys, and one who may everything. Names are passwords, too. */
const USER = 'bench'
const ROOT = 'root'
/** Off, on, on, off: so that a machine that grows slower or faster meanwhile says nothing for either. */
const TURNS = [false, true, true, false] as const

const AT_LEAST = { of: 'value', bound: 'min', limit: 0.7 } as const

const row: Row = {
  name: 'auth',
  title: 'auth on, as a share of off',
  measures: [
    { id: 'getShare', label: 'GET, rate', digits: 2, goal: AT_LEAST },
    { id: 'putShare', label: 'PUT, rate', digits: 2, goal: AT_LEAST },
    { id: 'getCpuShare', label: 'GET, CPU/operation', digits: 2 },
    { id: 'putCpuShare', label: 'PUT, CPU/operation', digits: 2 },
  ],
}

/** The one job of this family. It ends with auth off, but with users. */
export const authJob: Job = { rows: [row], ownCluster: true, run: async (context) => [await run(context)] }

interface Total {
  operations: number
  seconds: number
  cpuMicros: number
}

async function run({ cluster, workspace, effort }: JobContext): Promise<Sample> {
  const { clientUrl: url } = await cluster.leader()
  const errors: string[] = []
  const measured = { GET: totals(), PUT: totals() }
  await setUp(url)
  for (const isOn of TURNS) {
    await change(url, isOn ? 'PUT' : 'DELETE', 'enable')
    for (const method of ['PUT', 'GET'] as const) {
      const spec: LoadSpec = {
        url,
        method,
        connections: CONNECTIONS,
        seconds: effort.seconds,
        keys: KEYS,
        layout: 'flat',
        valueBytes: VALUE_BYTES,
        query: '',
        ...(isOn ? { authorization: basic(USER) } : {}),
      }
      await runLoad(workspace, { ...spec, seconds: effort.warmUpSeconds })
      const before = cpuMicros(cluster.pids)
      const { operations, seconds, errors: failed } = await runLoad(workspace, spec)
      const total = measured[method][isOn ? 'on' : 'off']
      total.operations += operations
      total.seconds += seconds
      total.cpuMicros += cpuMicros(cluster.pids) - before
      if (failed > 0) errors.push(`${failed} of ${operations} requests failed with auth ${isOn ? 'on' : 'off'}`)
    }
  }
  const values = {
    getShare: share(measured.GET, ({ operations, seconds }) => operations / seconds),
    putShare: share(measured.PUT, ({ operations, seconds }) => operations / seconds),
    getCpuShare: share(measured.GET, (total) => total.cpuMicros / total.operations),
    putCpuShare: share(measured.PUT, (total) => total.cpuMicros / total.operations),
  }
  return { row: row.name, values, errors }
}

function totals(): { readonly on: Total; readonly off: Total } {
  return { on: { operations: 0, seconds: 0, cpuMicros: 0 }, off: { operations: 0, seconds: 0, cpuMicros: 0 } }
}

function share({ on, off }: ReturnType<typeof totals>, of: (total: Total) => number): number {
  return of(on) / of(off)
}

async function setUp(url: string): Promise<void> {
  await change(url, 'PUT', `users/${ROOT}`, { user: ROOT, password: ROOT })
  const kv = { read: ['/bench/*'], write: ['/bench/*'] }
  await change(url, 'PUT', 'roles/bench', { role: 'bench', permissions: { kv } })
  await change(url, 'PUT', `users/${USER}`, { user: USER, password: USER, roles: ['bench'] })
}

/** A change of users, roles or the flag, as root. What was so before is well. */
async function change(url: string, method: 'PUT' | 'DELETE', path: string, body?: object): Promise<void> {
  const answer = await request(`${url}/v2/auth/${path}`, {
    method,
    headers: { authorization: basic(ROOT), 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await answer.body.text()
  if (answer.statusCode >= 400 && answer.statusCode !== 409) throw new Error(`${method} ${path}: ${text}`)
}

function basic(user: string): string {
  return `Basic ${Buffer.from(`${user}:${user}`).toString('base64')}`
}
