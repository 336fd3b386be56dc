/**
 * Who may import whom, as data: the table of the architecture, with every exception and its reason.
 *
 * Owns: the rows. `imports.test.ts` enforces them and quotes the row that was broken.
 */

/** One row. Entries are folders (`src/raft/`) or files; a folder may always import itself. */
export interface ImportRow {
  readonly folder: string
  /** What may be imported as values and as types. */
  readonly values: readonly string[]
  /** What may be imported as types only. */
  readonly types: readonly string[]
  /** Modules of Node.js; `any` for shells. */
  readonly node: 'any' | readonly string[]
  /** Packages. */
  readonly packages: readonly string[]
  /** The row in words, for the message. */
  readonly says: string
}

export const IMPORT_ROWS: readonly ImportRow[] = [
  {
    folder: 'src/api.ts',
    values: [],
    types: [],
    node: [],
    packages: [],
    says: 'api.ts imports nothing: it is the public contract',
  },
  {
    folder: 'src/metrics.ts',
    values: [],
    types: [],
    node: 'any',
    packages: ['prom-client'],
    says: 'metrics.ts imports nothing of ours',
  },
  {
    folder: 'src/log-writer.ts',
    values: [],
    types: [],
    node: 'any',
    packages: [],
    says: 'log-writer.ts imports nothing of ours',
  },
  {
    folder: 'src/log.ts',
    values: ['src/log-writer.ts'],
    types: [],
    node: 'any',
    packages: ['pino'],
    says: 'log.ts imports log-writer.ts and nothing else of ours',
  },
  {
    folder: 'src/config/',
    values: [],
    types: [],
    node: 'any',
    packages: ['commander', 'smol-toml', 'yaml'],
    says: 'config/ imports nothing of ours',
  },
  {
    folder: 'src/raft/',
    values: [],
    types: [],
    node: ['node:assert'],
    packages: [],
    says: 'raft/ imports itself, and of Node.js only node:assert',
  },
  {
    folder: 'src/store/',
    values: ['src/api.ts'],
    types: [],
    node: ['node:assert', 'node:buffer', 'node:crypto', 'node:zlib'],
    packages: ['msgpackr'],
    says: 'store/ imports itself and api.ts, never raft/, replica/, peer/ or http/',
  },
  {
    folder: 'src/replica/',
    values: ['src/raft/', 'src/store/', 'src/metrics.ts'],
    types: ['src/api.ts'],
    node: ['node:assert', 'node:buffer', 'node:crypto', 'node:zlib'],
    packages: ['msgpackr'],
    says: 'replica/ imports raft/, store/ and metrics.ts; it sees peer/ and http/ only through its ports',
  },
  {
    folder: 'src/peer/',
    values: ['src/raft/types.ts', 'src/metrics.ts'],
    types: ['src/raft/', 'src/replica/ports.ts'],
    node: 'any',
    packages: ['fastify', 'msgpackr', 'undici'],
    says: 'peer/ imports types of raft/, replica/ports.ts and metrics.ts, never store/, http/ or the replica itself',
  },
  {
    folder: 'src/auth/',
    values: ['src/api.ts'],
    types: ['src/store/'],
    node: 'any',
    packages: [],
    says: 'auth/ imports types of store/ and a port of its own',
  },
  {
    folder: 'src/http/',
    values: ['src/api.ts', 'src/metrics.ts', 'src/auth/'],
    types: ['src/store/'],
    node: 'any',
    packages: ['fastify', 'pino'],
    says: 'http/ imports its ports, types of store/, auth/, api.ts and metrics.ts, never raft/, peer/ or replica/',
  },
  {
    folder: 'src/discovery/',
    values: ['src/config/'],
    types: [],
    node: 'any',
    packages: ['undici'],
    says: 'discovery/ imports config/ and nothing else of ours',
  },
  {
    folder: 'src/proxy/',
    values: ['src/http/', 'src/metrics.ts', 'src/discovery/'],
    types: ['src/config/'],
    node: 'any',
    packages: ['undici'],
    says: 'proxy/ imports http/, discovery/ and metrics.ts: it serves no store of its own',
  },
  {
    folder: 'src/tls/',
    values: [],
    types: ['src/config/config.ts'],
    node: 'any',
    packages: ['@peculiar/asn1-schema', '@peculiar/asn1-x509'],
    says: 'tls/ imports the shape of its settings from config/ and nothing else of ours; http/ and peer/ are given what it makes',
  },
  {
    folder: 'src/client/',
    values: ['src/api.ts'],
    types: [],
    node: 'any',
    packages: ['undici'],
    says: 'client/ imports api.ts and nothing else of ours',
  },
  {
    folder: 'src/transfer/',
    values: ['src/client/', 'src/api.ts'],
    types: [],
    node: 'any',
    packages: [],
    says: 'transfer/ imports client/ and api.ts, never the server',
  },
  {
    folder: 'src/sidecar/',
    values: ['src/client/', 'src/api.ts'],
    types: [],
    node: 'any',
    packages: ['undici', 'smol-toml', 'yaml'],
    says: 'sidecar/ imports client/ and api.ts, never the server',
  },
  {
    folder: 'src/ambassador/',
    values: ['src/client/', 'src/sidecar/', 'src/api.ts'],
    types: [],
    node: 'any',
    packages: [],
    says: 'ambassador/ imports client/, sidecar/ and api.ts, never the server',
  },
  {
    folder: 'src/render/',
    values: ['src/client/', 'src/api.ts'],
    types: [],
    node: 'any',
    packages: ['smol-toml'],
    says: 'render/ imports client/ and api.ts, never the server',
  },
  {
    folder: 'src/entry/',
    values: ['src/'],
    types: [],
    node: 'any',
    packages: ['pino'],
    says: 'entry/ is what programs import from the package: it imports everything in src/',
  },
  {
    folder: 'src/dashboard/',
    values: [],
    types: [],
    node: 'any',
    packages: ['fastify'],
    says: 'dashboard/ imports nothing of ours',
  },
  {
    folder: 'src/member/',
    values: ['src/'],
    types: [],
    node: 'any',
    packages: ['pino', 'prom-client'],
    says: 'member/ joins the parts for musterd.ts: it imports everything in src/',
  },
  {
    folder: 'src/musterd.ts',
    values: ['src/'],
    types: [],
    node: 'any',
    packages: ['pino'],
    says: 'musterd.ts is the composition root: it imports everything in src/',
  },
  {
    folder: 'src/start.ts',
    values: ['src/'],
    types: [],
    node: 'any',
    packages: ['pino'],
    says: 'start.ts chooses between musterd.ts and start-proxy.ts: it imports everything in src/',
  },
  {
    folder: 'src/start-proxy.ts',
    values: ['src/'],
    types: [],
    node: 'any',
    packages: ['pino'],
    says: 'start-proxy.ts is the composition root of a proxy: it imports everything in src/',
  },
  {
    folder: 'bin/',
    values: [
      'src/config/',
      'src/log.ts',
      'src/start.ts',
      'src/client/',
      'src/transfer/',
      'src/sidecar/',
      'src/ambassador/',
      'src/render/',
    ],
    types: [],
    node: 'any',
    packages: ['commander'],
    says: 'bin/ imports config/, log.ts, start.ts, client/, transfer/, sidecar/, ambassador/ and render/',
  },
]

/** An import that a row forbids and that is right all the same. */
export interface ImportException {
  readonly from: string
  readonly to: string
  readonly reason: string
}

export const IMPORT_EXCEPTIONS: readonly ImportException[] = [
  {
    from: 'src/http/',
    to: 'src/store/listing.ts',
    reason: 'which nodes a GET shows is a rule of the store; the routes call that pure function on the tree they read',
  },
  {
    from: 'src/http/',
    to: 'src/store/path.ts',
    reason: 'cleaning a key path is one pure rule, and two versions of it would disagree',
  },
  {
    from: 'src/http/',
    to: 'src/store/node.ts',
    reason: 'ttlSeconds rounds what is left of a TTL: one pure rule for routes and events',
  },
]

/** The columns of raft/, leftmost first. A file imports only from columns to its left. */
export const RAFT_ORDER: readonly (readonly string[])[] = [
  ['types.ts'],
  ['message.ts', 'config.ts'],
  ['ready.ts', 'log.ts', 'progress.ts', 'membership.ts'],
  ['state.ts'],
  ['replication.ts'],
  ['roles.ts', 'reads.ts'],
  ['election.ts', 'follower.ts', 'leader.ts'],
  ['terms.ts'],
  ['raft.ts', 'describe.ts'],
]

/** The only files that may import `level`. */
export const LEVEL_FILES: readonly string[] = ['src/store/database.ts', 'src/store/snapshot.ts']

/** Folders whose files take no clock, timer, promise, random source or locale. */
export const PURE_FOLDERS: readonly string[] = ['src/raft/', 'src/store/', 'src/replica/']

/** Files in pure folders that touch the world, and why. */
export const IMPURE_FILES: Readonly<Record<string, string>> = {
  'src/replica/driver.ts': 'holds the loop and the one await of the write path',
  'src/replica/snapshots.ts': 'opens and stages snapshots beside the loop',
  'src/store/database.ts': 'is the disk',
  'src/store/snapshot.ts': 'streams rows from and to the disk',
  'src/store/history-reader.ts': 'reads old events from the disk',
  'src/store/watch-catchup.ts': 'feeds a watcher from the disk until memory covers it',
  'src/store/restore.ts': 'reads rows from the disk at start',
}
