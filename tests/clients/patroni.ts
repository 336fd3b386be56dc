/**
 * Patroni and the PostgreSQL server that it looks after, as processes of the user postgres.
 *
 * Owns: one node, its settings, its end. Leaves to others: what is expected of it (`patroni.test.ts`).
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../support/child.ts'
import { freePort } from '../support/free-port.ts'
import { outputOf } from './programs.ts'
import type { Served } from './setups.ts'

const VERSIONS = '/usr/lib/postgresql'
/** How long a primary that is gone keeps its lock, and how often each node looks. Seconds. */
const TTL_S = 10
const LOOK_S = 1
const PASSWORD = 'secret'
/** For so long a node may take to stop in order. Milliseconds. */
const STOP_MS_MAX = 20_000

/** Where the programs of PostgreSQL are, or undefined. The newest, where there are several. */
export function postgresBinaries(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined
  const [newest] = readdirSync(VERSIONS).toSorted((a, b) => Number(b) - Number(a))
  return newest === undefined ? undefined : join(VERSIONS, newest, 'bin')
}

/** What `patroni --version` says, where Patroni and the means to run it are there; else undefined. */
export function patroniVersion(): string | undefined {
  if (process.getuid?.() !== 0 || postgresBinaries() === undefined) return undefined
  return outputOf('patroni', ['--version'])?.replace(/^patroni /, '')
}

/** How Patroni says what a node is. */
export interface NodeStatus {
  readonly state: string
  readonly role: string
  readonly timeline: number
}

export interface Login {
  readonly username: string
  readonly password: string
}

export class PatroniNode {
  readonly name: string
  readonly #folder: string
  readonly #data: string
  readonly #restPort: number
  readonly #sqlPort: number
  #patroni: Child | undefined

  private constructor(name: string, folder: string, restPort: number, sqlPort: number) {
    this.name = name
    this.#folder = folder
    this.#data = join(folder, 'data')
    this.#restPort = restPort
    this.#sqlPort = sqlPort
  }

  /** Writes the settings of a node that finds the others at the members of `served`. */
  static async make(name: string, folder: string, served: Served, login: Login | undefined): Promise<PatroniNode> {
    const node = new PatroniNode(name, join(folder, name), await freePort(), await freePort())
    const postgres = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }))
    mkdirSync(node.#folder, { mode: 0o700 })
    writeFileSync(node.#settings, JSON.stringify(node.#makeSettings(served, login)))
    chownSync(node.#settings, postgres, -1)
    chownSync(node.#folder, postgres, -1)
    return node
  }

  get output(): string {
    return this.#patroni?.stderr ?? ''
  }

  start(): void {
    const asPostgres = ['--reuid=postgres', '--regid=postgres', '--init-groups', '--']
    const env = { HOME: this.#folder, PGPASSFILE: join(this.#folder, 'pgpass') }
    this.#patroni = new Child('setpriv', [...asPostgres, 'patroni', this.#settings], { cwd: this.#folder, env })
  }

  /** What it says of itself; undefined while it does not answer. */
  async status(): Promise<NodeStatus | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#restPort}/patroni`)
      return (await response.json()) as NodeStatus
    } catch {
      return undefined
    }
  }

  /** Runs a statement, and returns what it gives. Throws when the server is not there, or says no. */
  sql(statement: string): string {
    const psql = join(postgresBinaries() ?? '', 'psql')
    const where = ['-h', '127.0.0.1', '-p', `${this.#sqlPort}`, '-U', 'postgres', '-d', 'postgres']
    const options = { encoding: 'utf8', stdio: 'pipe', timeout: 5_000, env: { PGPASSWORD: PASSWORD } } as const
    return execFileSync(psql, ['-X', '-A', '-t', ...where, '-c', statement], options).trim()
  }

  /** `kill -9` of Patroni and its PostgreSQL, as when the machine is gone. */
  async kill(): Promise<void> {
    this.#patroni?.kill('SIGKILL')
    this.#killPostgres()
    await this.#patroni?.exited
  }

  /** In order: PostgreSQL stops, and the lock is given back. Whatever is left after that is killed. */
  async stop(): Promise<void> {
    this.#patroni?.kill('SIGTERM')
    const late = setTimeout(() => void this.kill(), STOP_MS_MAX)
    await this.#patroni?.exited
    clearTimeout(late)
    this.#killPostgres()
    // A server that was killed leaves its lock on the data directory in the system's memory.
    const memory = this.#pidFile()[6]?.trim().split(/\s+/)[1]
    if (memory !== undefined) spawnSync('ipcrm', ['-m', memory])
  }

  get #settings(): string {
    return join(this.#folder, 'patroni.json')
  }

  #killPostgres(): void {
    const pid = this.#pidFile()[0]
    // Of a server that is gone the file may still be there, and its number be somebody else's.
    if (pid === undefined || !existsSync(`/proc/${pid}/cmdline`)) return
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.#data)) process.kill(Number(pid), 'SIGKILL')
  }

  /** The lines that PostgreSQL notes about itself while it runs; none after it stopped in order. */
  #pidFile(): readonly string[] {
    const file = join(this.#data, 'postmaster.pid')
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  }

  #makeSettings({ urls, caFile }: Served, login: Login | undefined): object {
    const rest = `127.0.0.1:${this.#restPort}`
    const sql = `127.0.0.1:${this.#sqlPort}`
    return {
      scope: 'muster',
      name: this.name,
      restapi: { listen: rest, connect_address: rest },
      etcd: {
        hosts: urls.map((url) => new URL(url).host),
        ...(caFile === undefined ? {} : { protocol: 'https', cacert: caFile }),
        ...login,
      },
      bootstrap: {
        dcs: {
          ttl: TTL_S,
          loop_wait: LOOK_S,
          retry_timeout: 3,
          postgresql: { use_pg_rewind: true, parameters: { wal_log_hints: 'on' } },
        },
        initdb: [{ auth: 'trust' }, { encoding: 'UTF8' }, { locale: 'C' }, 'no-sync'],
      },
      postgresql: {
        listen: sql,
        connect_address: sql,
        data_dir: this.#data,
        bin_dir: postgresBinaries(),
        pgpass: join(this.#folder, 'pgpass'),
        authentication: {
          superuser: { username: 'postgres', password: PASSWORD },
          replication: { username: 'replicator', password: PASSWORD },
        },
        pg_hba: ['local all all trust', 'host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'],
        parameters: {
          unix_socket_directories: this.#folder,
          dynamic_shared_memory_type: 'mmap',
          shared_buffers: '16MB',
          fsync: 'off',
        },
        remove_data_directory_on_diverged_timelines: true,
      },
      watchdog: { mode: 'off' },
    }
  }
}
