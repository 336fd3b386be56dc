/**
 * LevelDB: open, lock, format check, one atomic batch, views, close.
 *
 * Owns: the data directory and everything that can be wrong with it, in clear sentences. Leaves to others: which rows
 * there are (rows.ts and the replica), when to write (replica/driver.ts). With snapshot.ts the only file of this folder
 * that knows how data reaches a disk.
 *
 * Nothing is ever written unsynced. LevelDB does not sync a log file that it leaves for the next one, so after a power
 * cut an unsynced batch could be missing while a later, synced one is there. Rows that need no sync wait in memory
 * instead and go with the next batch that does: one write fewer, and a crash loses a suffix and nothing else.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import type { Disk, DiskEntry, DiskView, EntriesOptions } from './disk.ts'
import { FORMAT_KEY, FORMAT_VERSION, type Row } from './rows.ts'
import { StoreError } from './store-error.ts'

type LevelDb = Level<Buffer, Buffer>
type LevelBatch = ReturnType<LevelDb['batch']>

/** Where LevelDB's files are in the data directory. */
const FOLDER = 'db'

/** What a fresh volume or a desktop may leave in an empty directory. */
const HARMLESS = /^(lost\+found|\..*)$/

/** Rows that need no sync wait for a batch that does, up to so many bytes. */
const WAITING_BYTES_MAX = 1024 * 1024

/**
 * Tables that LevelDB keeps at hand. It maps so many into memory and closes their files at once; with more it would keep files open,
 * and the reserve of `member/open-files.ts` counts on it that it does not.
 */
const TABLES_MAX = 1000

const ENTRIES_BYTES_DEFAULT = 1024 * 1024

/** One member's rows in LevelDB. */
export class Database implements Disk {
  readonly #directory: string
  readonly #db: LevelDb
  /** Rows that wait for a synced batch. */
  #waiting: LevelBatch | undefined
  #waitingBytes = 0
  /** Settles when every write so far has; rejects for good once one has failed. */
  #written: Promise<void> = Promise.resolve()

  private constructor(directory: string, db: LevelDb) {
    this.#directory = directory
    this.#db = db
  }

  /**
   * Opens the database in `directory`, which is made (for this user only) when it does not exist.
   *
   * @throws StoreError MUSTER_DATA_DIR_LOCKED, MUSTER_DATA_DIR_FOREIGN, MUSTER_DATA_DIR_UNUSABLE,
   *   MUSTER_DATA_DAMAGED or MUSTER_DATA_FORMAT_NEWER; each message is one sentence for the user.
   */
  static async open(directory: string): Promise<Database> {
    await prepareDirectory(directory)
    const db: LevelDb = new Level<Buffer, Buffer>(join(directory, FOLDER), {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      maxOpenFiles: TABLES_MAX,
    })
    try {
      await db.open()
    } catch (error) {
      throw openError(directory, error)
    }
    try {
      await checkFormat(directory, db)
    } catch (error) {
      await db.close()
      throw error instanceof StoreError ? error : openError(directory, error)
    }
    return new Database(directory, db)
  }

  write(rows: readonly Row[], sync: boolean): Promise<void> {
    try {
      if (rows.length > 0) this.#add(rows)
    } catch (error) {
      return Promise.reject(diskFailed(this.#directory, 'write to', error))
    }
    if (!sync && this.#waitingBytes <= WAITING_BYTES_MAX) return Promise.resolve()
    return this.#flush()
  }

  async clearRange(gte: Buffer, lt: Buffer): Promise<void> {
    await this.#flush()
    try {
      await this.#db.clear({ gte, lt })
    } catch (error) {
      throw diskFailed(this.#directory, 'delete from', error)
    }
  }

  view(): DiskView {
    return new LevelView(this.#directory, this.#db)
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    try {
      return await this.#db.get(key)
    } catch (error) {
      throw diskFailed(this.#directory, 'read', error)
    }
  }

  async close(): Promise<void> {
    try {
      await this.#flush()
    } finally {
      await this.#db.close()
    }
  }

  #add(rows: readonly Row[]): void {
    this.#waiting ??= this.#db.batch()
    const batch = this.#waiting
    let bytes = 0
    for (const row of rows) {
      if (row.type === 'put') {
        batch.put(row.key, row.value)
        bytes += row.key.length + row.value.length
      } else {
        batch.del(row.key)
        bytes += row.key.length
      }
    }
    this.#waitingBytes += bytes
  }

  /** Writes what waits; settles when everything handed over so far is on disk. */
  #flush(): Promise<void> {
    const batch = this.#waiting
    if (batch === undefined) return this.#written
    this.#waiting = undefined
    this.#waitingBytes = 0
    // LevelDB's binding writes on a pool of threads: two batches under way at once may take effect in either order. One that
    // failed fails all behind it, so that nothing is kept beyond a gap.
    const writing = this.#written.then(() =>
      batch.write({ sync: true }).catch((error: unknown) => {
        throw diskFailed(this.#directory, 'write to', error)
      }),
    )
    this.#written = writing
    // Whoever asked hears of a failure; the chain itself must not count as unhandled.
    writing.catch(() => {})
    return writing
  }
}

class LevelView implements DiskView {
  readonly #directory: string
  readonly #db: LevelDb
  readonly #snapshot: ReturnType<LevelDb['snapshot']>

  constructor(directory: string, db: LevelDb) {
    this.#directory = directory
    this.#db = db
    this.#snapshot = db.snapshot()
  }

  async entries(gte: Buffer, lt: Buffer, options: EntriesOptions): Promise<DiskEntry[]> {
    try {
      const iterator = this.#db.iterator({
        gte,
        lt,
        reverse: options.reverse ?? false,
        snapshot: this.#snapshot,
        fillCache: false,
        highWaterMarkBytes: options.bytesMax ?? ENTRIES_BYTES_DEFAULT,
      })
      try {
        return await iterator.nextv(options.limit)
      } finally {
        await iterator.close()
      }
    } catch (error) {
      throw diskFailed(this.#directory, 'read', error)
    }
  }

  close(): Promise<void> {
    return this.#snapshot.close()
  }
}

async function prepareDirectory(directory: string): Promise<void> {
  let found: string[]
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    found = await readdir(directory)
    if (found.some((name) => !HARMLESS.test(name)) && !found.includes(FOLDER)) throw foreign(directory, found)
    await mkdir(join(directory, FOLDER), { recursive: true, mode: 0o700 })
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError('MUSTER_DATA_DIR_UNUSABLE', `cannot use "${directory}" as data directory: ${reason(error)}`, {
      cause: error,
    })
  }
}

async function checkFormat(directory: string, db: LevelDb): Promise<void> {
  const format = await db.get(FORMAT_KEY)
  if (format === undefined) {
    const [row] = await db.keys({ limit: 1 }).all()
    if (row !== undefined) throw foreign(directory, [FOLDER])
    const value = Buffer.alloc(4)
    value.writeUInt32BE(FORMAT_VERSION)
    await db.put(FORMAT_KEY, value, { sync: true })
    return
  }
  const version = format.length === 4 ? format.readUInt32BE() : Number.NaN
  if (version === FORMAT_VERSION) return
  throw new StoreError(
    'MUSTER_DATA_FORMAT_NEWER',
    `cannot read "${directory}": its data has format ${version}, this release knows ${FORMAT_VERSION}; a newer muster wrote it`,
  )
}

function openError(directory: string, error: unknown): StoreError {
  const inner = innermost(error)
  const code = inner instanceof Error && 'code' in inner ? inner.code : undefined
  if (code === 'LEVEL_LOCKED') {
    return new StoreError(
      'MUSTER_DATA_DIR_LOCKED',
      `cannot open "${directory}": another process has it open; stop that one, or give this one another data directory`,
      { cause: error },
    )
  }
  if (isDamage(inner)) return damaged(directory, error)
  return new StoreError('MUSTER_DATA_DIR_UNUSABLE', `cannot open the data in "${directory}": ${reason(inner)}`, {
    cause: error,
  })
}

function foreign(directory: string, found: readonly string[]): StoreError {
  const etcd = found.includes('member') ? ', it looks like a data directory of etcd' : ''
  return new StoreError(
    'MUSTER_DATA_DIR_FOREIGN',
    `cannot use "${directory}" as data directory: it is not empty and muster did not make it${etcd}`,
  )
}

/** LevelDB maps table files into memory, and an empty one cannot be mapped: it says no more than that. */
const EMPTY_TABLE = /\.(ldb|sst): Invalid argument$/

function isDamage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return ('code' in error && error.code === 'LEVEL_CORRUPTION') || EMPTY_TABLE.test(error.message)
}

function damaged(directory: string, error: unknown): StoreError {
  return new StoreError(
    'MUSTER_DATA_DAMAGED',
    `cannot read the data in "${directory}": it is damaged (${reason(innermost(error))}); if the others are a majority, remove this member from the cluster and add it again with an empty data directory`,
    { cause: error },
  )
}

function diskFailed(directory: string, what: string, error: unknown): StoreError {
  if (isDamage(innermost(error))) return damaged(directory, error)
  return new StoreError('MUSTER_DISK_FAILED', `cannot ${what} the data directory: ${reason(error)}`, { cause: error })
}

/** What LevelDB itself said, where its library has wrapped that. */
function innermost(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
