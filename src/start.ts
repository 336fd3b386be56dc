/**
 * What this process becomes: a member, or a proxy for others.
 *
 * Owns: the choice. The data directory decides once it holds either; else the options do, and a member that comes too late for
 * its discovery token becomes a proxy. Leaves to others: both of them (`musterd.ts`, `start-proxy.ts`). Source: API page, 12.4.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config/config.ts'
import { DiscoveryError } from './discovery/discovery-error.ts'
import { startMember } from './musterd.ts'
import { isProxyDirectory } from './proxy/cluster-file.ts'
import { readRaftState } from './replica/driver.ts'
import { startProxy } from './start-proxy.ts'
import { Database } from './store/database.ts'
import { StoreError } from './store/store-error.ts'

/** What runs in this process. */
export interface Running {
  /** Resolves once clients are served. Rejects when this process cannot listen for them. */
  readonly ready: Promise<void>
  /** Resolves when it has stopped: with the error that ended it, or undefined after `stop`. */
  readonly finished: Promise<Error | undefined>
  /** Safe to call twice. */
  stop(): Promise<void>
  /** What it is and where it serves, for people. Call when it is ready. */
  describe(): string
}

/**
 * Starts what options and data say.
 *
 * @throws Error with a `code` beginning `MUSTER_` and one sentence for the user.
 */
export async function start(config: Config, log: Logger): Promise<Running> {
  if (isProxyDirectory(config.dataDir)) {
    // Only who put them there knows which of the two is wanted.
    if (await isMemberDirectory(config.dataDir)) {
      throw new StoreError(
        'MUSTER_DATA_DIR_UNUSABLE',
        `cannot use "${config.dataDir}" as data directory: it holds data of a member and of a proxy. Take its folder proxy away to start the member`,
      )
    }
    if (config.proxy === 'off') log.warn('the data directory is that of a proxy: starting as a proxy')
    return startProxy(config, log)
  }
  if (config.proxy !== 'off') {
    if (!(await isMemberDirectory(config.dataDir))) return startProxy(config, log)
    log.warn('--proxy is ignored: the data directory is that of a member')
  }
  try {
    return await asMember(config, log)
  } catch (error) {
    const isTooLate = error instanceof DiscoveryError && error.code === 'MUSTER_DISCOVERY_FULL'
    if (!isTooLate || config.discoveryFallback === 'exit') throw error
    log.warn('the cluster of the discovery token is full: falling back to a proxy for it')
    return startProxy(config, log, error.members)
  }
}

/**
 * Of a member of ours, or of etcd: the latter is refused by whoever opens it. A first start that failed leaves a database
 * behind that belongs to nobody yet. @throws StoreError when it cannot be opened.
 */
async function isMemberDirectory(dataDir: string): Promise<boolean> {
  if (existsSync(join(dataDir, 'member'))) return true
  if (!existsSync(join(dataDir, 'db'))) return false
  const disk = await Database.open(resolve(dataDir))
  try {
    return (await readRaftState(disk)) !== undefined
  } finally {
    await disk.close()
  }
}

async function asMember(config: Config, log: Logger): Promise<Running> {
  const member = await startMember(config, log)
  return {
    ready: member.ready,
    finished: member.finished,
    stop: () => member.stop(),
    describe: () => {
      const serves = `clients at ${member.clientUrls.join(', ')} and members at ${member.peerUrls.join(', ')}`
      return `member "${config.name}" (${member.memberId}) of cluster ${member.clusterId} serves ${serves}`
    },
  }
}
