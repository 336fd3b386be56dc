/**
 * `node bench/auth.ts [rounds] [seconds]`: what users cost. Rates and CPU of reads and writes with auth on, as a user with a password
 * and a role, as a share of those without. The goal of issue 3 is 0.7 of the rates.
 *
 * Not a row of the table: etcd hashes the password of each request and serves a few in a second.
 */
import process from 'node:process'
import { request } from 'undici'
import { Cluster } from './cluster.ts'
import { contender } from './contenders.ts'
import { cpuMicros } from './cpu.ts'
import { runLoad } from './load.ts'
import type { LoadSpec } from './load-spec.ts'
import { median } from './statistics.ts'
import { Workspace } from './workspace.ts'

const CONNECTIONS = 64
const KEYS = 1000
const VALUE_BYTES = 256
/** A user who may read and write the keys, and one who may everything. Names are passwords, too. */
const USER = 'bench'
const ROOT = 'root'
/** Off, on, on, off: so that a machine that grows slower or faster meanwhile says nothing for either. */
const TURNS = [false, true, true, false] as const

const rounds = Number(process.argv[2] ?? 3)
const seconds = Number(process.argv[3] ?? 3)
const workspace = new Workspace()
const cluster = await Cluster.start(contender('muster'), workspace)
const shares: Shares[] = []
await setUp((await cluster.leader()).clientUrl)
for (let round = 1; round <= rounds; round += 1) {
  const measured = await measure()
  console.log(`round ${round}: ${text(measured)}`)
  shares.push(measured)
}
const medianOf = (name: keyof Shares): number => median(shares.map((each) => each[name]))
const all: Shares = {
  get: medianOf('get'),
  put: medianOf('put'),
  getCpu: medianOf('getCpu'),
  putCpu: medianOf('putCpu'),
}
console.log(`median of ${rounds}: ${text(all)}`)
await cluster.stop()
process.exit(0)

/** With auth on, divided by without. */
interface Shares {
  readonly get: number
  readonly put: number
  readonly getCpu: number
  readonly putCpu: number
}

function text({ get, put, getCpu, putCpu }: Shares): string {
  const shown = [get, put, getCpu, putCpu].map((share) => share.toFixed(2))
  return `rate of GET ${shown[0]}, of PUT ${shown[1]}; CPU of a GET ${shown[2]}, of a PUT ${shown[3]}`
}

interface Total {
  operations: number
  seconds: number
  cpuMicros: number
}

async function measure(): Promise<Shares> {
  const { clientUrl: url } = await cluster.leader()
  const measured = { GET: totals(), PUT: totals() }
  for (const isOn of TURNS) {
    await change(url, isOn ? 'PUT' : 'DELETE', 'enable')
    for (const method of ['PUT', 'GET'] as const) {
      const spec: LoadSpec = {
        url,
        method,
        connections: CONNECTIONS,
        seconds,
        keys: KEYS,
        layout: 'flat',
        valueBytes: VALUE_BYTES,
        query: '',
        ...(isOn ? { authorization: basic(USER) } : {}),
      }
      await runLoad(workspace, { ...spec, seconds: 1 })
      const before = cpuMicros(cluster.pids)
      const result = await runLoad(workspace, spec)
      const total = measured[method][isOn ? 'on' : 'off']
      total.operations += result.operations
      total.seconds += result.seconds
      total.cpuMicros += cpuMicros(cluster.pids) - before
      if (result.errors > 0)
        console.log(`! ${result.errors} of ${result.operations} failed, auth ${isOn ? 'on' : 'off'}`)
    }
  }
  return {
    get: share(measured.GET, (total) => total.operations / total.seconds),
    put: share(measured.PUT, (total) => total.operations / total.seconds),
    getCpu: share(measured.GET, (total) => total.cpuMicros / total.operations),
    putCpu: share(measured.PUT, (total) => total.cpuMicros / total.operations),
  }
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
