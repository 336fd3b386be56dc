/**
 * The composition root: builds every part of a member and owns the order of start and stop.
 *
 * Owns: what is connected to what. Decides nothing itself.
 */
import { randomInt } from 'node:crypto'
import { resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { Config } from './config/config.ts'
import { packageVersion } from './config/version.ts'
import { HttpServer } from './http/server.ts'
import { onceCaughtUp, onceVoting, votes } from './member/catch-up.ts'
import { systemClock } from './member/clock.ts'
import { FolderSize } from './member/folder-size.ts'
import { untilLedByAnother } from './member/hand-over.ts'
import { Leaving } from './member/leave.ts'
import { listenAll } from './member/listen.ts'
import { MemberChanges } from './member/member-changes.ts'
import { memberPort } from './member/member-port.ts'
import { type Share, shareOf, tellShare } from './member/open-files.ts'
import { publishUntilKnown } from './member/publish.ts'
import { replicaSettings, storeSettings, tickMsOf } from './member/settings.ts'
import type { SkippedTime } from './member/skipped-time.ts'
import { startState } from './member/start-state.ts'
import { timedDisk } from './member/timed-disk.ts'
import { type MemberTls, openTls } from './member/tls.ts'
import { Metrics } from './metrics.ts'
import { PeerServer } from './peer/accept.ts'
import { PEER_LIMITS, type PeerOptions } from './peer/options.ts'
import { PeerTransport } from './peer/transport.ts'
import { memberId } from './raft/types.ts'
import { Driver } from './replica/driver.ts'
import type { Clock } from './replica/ports.ts'
import { Replica } from './replica/replica.ts'
import { Database } from './store/database.ts'
import type { Disk } from './store/disk.ts'

/** A running member. */
export interface Member {
  /**
   * Resolves once clients are served and this member votes: it has caught up with a majority. Rejects when it cannot listen for
   * them; never settles for one that was removed.
   */
  readonly ready: Promise<void>
  /** Where clients are served, with true ports. Empty before this member has caught up. */
  readonly clientUrls: readonly string[]
  readonly peerUrls: readonly string[]
  readonly memberId: string
  readonly clusterId: string
  /** One more connection for clients, from within this process. @returns the client's end. @throws Error when nobody is served. */
  connect(): Duplex
  /** Hands leadership over, answers or ends what waits, flushes and closes. Safe to call twice; the first call decides how. */
  stop(options?: StopOptions): Promise<void>
  /** Resolves when the member has stopped: with the error that ended it, or undefined after `stop`. */
  readonly finished: Promise<Error | undefined>
}

export interface StopOptions {
  /** Whether leadership is given away first. True by default. */
  readonly handOver?: boolean
}

/** Where a member lives. */
export interface MemberHome {
  /** In a program of somebody else's, which has metrics of its process itself. */
  readonly isEmbedded?: boolean
  /** By which its keys live; true time when missing. */
  readonly time?: SkippedTime
}

/** What a stopping member allows for the hand-over, and then for answers that are still awaited. Milliseconds. */
const HAND_OVER_MS_MAX = 1500
const DRAIN_MS_MAX = 1500

/**
 * Starts one member. Clients are served once it is `ready`.
 *
 * @throws Error with a `code` beginning `MUSTER_` and one sentence for the user: the data directory is locked or foreign, a
 * port is taken, the name is missing in the initial cluster.
 */
export async function startMember(config: Config, log: Logger, home: MemberHome = {}): Promise<Member> {
  const share = shareOf(config)
  const disk = await Database.open(resolve(config.dataDir))
  try {
    return await startOn(disk, config, log, await openTls(config, log), share, home)
  } catch (error) {
    await disk.close()
    throw error
  }
}

async function startOn(
  disk: Disk,
  config: Config,
  log: Logger,
  tls: MemberTls,
  share: Share,
  { isEmbedded = false, time }: MemberHome,
): Promise<Member> {
  const storeOptions = storeSettings(config, disk)
  const restored = await startState(disk, config, storeOptions, log, tls.peer)
  const { clusterId, memberId: id } = restored.raft.identity
  const memberTime = time?.join()
  const clock: Clock = memberTime ?? systemClock

  let ended: (error: Error | undefined) => void = () => {}
  const finished = new Promise<Error | undefined>((done) => {
    ended = done
  })
  const metrics = new Metrics({ ofProcess: !isEmbedded })
  const driver = new Driver({
    disk: timedDisk(disk, (ms) => metrics.syncs.synced(ms)),
    storeOptions,
    log,
    tickMs: tickMsOf(config),
    onFatal: (error) => {
      log.fatal({ err: error }, 'a turn failed: this member stops at once, nothing unsynced was acknowledged')
      ended(error)
    },
  })
  const peerOptions: PeerOptions = {
    identity: {
      clusterId,
      memberId: id,
      heartbeatMs: config.heartbeatIntervalMs,
      electionMs: config.electionTimeoutMs,
      // The list rules once there is one: a data directory may be started without the options that it was made with.
      get peerUrls() {
        return replica.store.members.get(id)?.peerURLs ?? config.initialAdvertisePeerUrls.map((url) => url.href)
      },
    },
    events: {
      receive: (messages) => replica.receive(messages),
      unreachable: (remote, unsent) => replica.unreachable(remote, unsent),
      gone: (remote) => replica.gone(remote),
      snapshotSent: (remote, ok) => replica.snapshotSent(remote, ok),
    },
    log,
    clock: systemClock,
    random: Math.random,
    limits: { ...PEER_LIMITS, connectionsMax: share.peerConnections },
    ...(tls.peer === undefined ? {} : { tls: tls.peer }),
  }
  const transport = new PeerTransport({
    ...peerOptions,
    snapshotSource: { open: (offer) => driver.openSnapshot(offer) },
    removed: (by) => leaving.turnedAway(by),
  })
  const replica = new Replica({
    settings: replicaSettings(config, id),
    restored: restored.raft,
    store: restored.store,
    generation: restored.generation,
    transport,
    clock,
    log,
    firstSeq: randomInt(2 ** 47),
    wake: driver.wake,
    later: driver.later,
    removed: () => leaving.removed(),
  })
  const port = memberPort({
    ...{ replica, transport, clock, clusterId, name: config.name, metricsText: () => metrics.text() },
    data: new FolderSize(resolve(config.dataDir)),
    memberChanges: new MemberChanges({
      ...{ replica, transport, log, clock: systemClock, isStrict: config.strictReconfigCheck },
    }),
  })
  const peerServer = new PeerServer({
    ...peerOptions,
    transport,
    snapshotSink: { stage: (_from, message, chunks) => driver.stage(message, chunks as AsyncIterable<Buffer>) },
    isMember: (other) => replica.members.isServed(other),
    isRemoved: (other) => replica.store.members.isRemoved(other) && !replica.members.isServed(other),
    members: () => replica.store.members.list().map((member) => ({ ...member, id: memberId(member.id) })),
    version: () => JSON.stringify({ etcdserver: '2.3.8', etcdcluster: '2.3.0' }),
  })
  const http = new HttpServer({
    metrics,
    version: packageVersion(),
    member: port,
    log,
    setLogLevel: (level) => {
      log.level = level
      log.info({ level }, 'the level of the log was changed')
    },
    legacyEndpoints: config.legacyEndpoints,
    hostWhitelist: config.hostWhitelist,
    limits: {
      bodyBytesMax: config.maxRequestBytes,
      openFilesMax: share.filesMax,
      connectionsMax: share.clientConnections,
      metricsConnectionsMax: share.metricsConnections,
      watchersMax: config.maxWatchers,
      inFlightMax: config.maxRequestsInFlight,
    },
    ...(tls.client === undefined
      ? {}
      : { makeSecureServer: tls.client.createServer, clientCertAuth: config.clientTls.clientCertAuth }),
    ...(config.cors.length === 0 ? {} : { cors: config.cors.includes('*') ? ('*' as const) : config.cors }),
  })

  let catchingUp = { cancel: () => {} }
  const leaving = new Leaving({
    replica,
    log,
    isServing: () => http.addresses().length > 0,
    closeClients: () => {
      catchingUp.cancel()
      return http.close(DRAIN_MS_MAX)
    },
    over: (error) => {
      if (error === undefined) stopOnce().catch(ended)
      else ended(error)
    },
  })

  try {
    await listenAll(config.listenPeerUrls, (url) => peerServer.listen([url]), log)
  } catch (error) {
    await Promise.all([transport.close(), peerServer.close()])
    throw error
  }
  const peerUrls = peerServer.addresses().map((url) => url.origin)
  transport.setRemotes(replica.members.remotes())
  driver.start(replica)
  memberTime?.attend({ clusterId, replica, wake: driver.wake })
  const clientUrls = config.advertiseClientUrls.map((url) => url.href)
  const wasRemoved = restored.store.members.isRemoved(id)
  let publishing: { cancel(): void } | undefined
  const publish = (): void => {
    publishing ??= publishUntilKnown(replica, { name: config.name, clientUrls })
  }
  const caughtUp = new Promise<void>((done) => {
    if (wasRemoved) leaving.removed()
    else catchingUp = onceCaughtUp(replica, log, done)
  })
  const ready = caughtUp.then(async () => {
    // Not before: a proof of leadership came and went, so the stream to the leader stands and the write cannot be lost on it.
    // A voter is known by its client URLs as early as can be; one that joins gets its vote by them, so its ports come first.
    if (votes(replica)) publish()
    await listenAll(config.listenMetricsUrls, (url) => http.listenForMetrics([url]), log)
    await listenAll(config.listenClientUrls, (url) => http.listen([url]), log)
    tellShare(share, config, log)
    publish()
    await new Promise<void>((voting) => onceVoting(replica, voting))
  })

  let stopping: Promise<void> | undefined
  const stopOnce = ({ handOver = true }: StopOptions = {}): Promise<void> => {
    stopping ??= stop(handOver)
    return stopping
  }
  const stop = async (handOver: boolean): Promise<void> => {
    memberTime?.leave()
    leaving.cancel()
    publishing?.cancel()
    catchingUp.cancel()
    port.end()
    if (handOver) await untilLedByAnother(replica, HAND_OVER_MS_MAX)
    // What still waits when half of the time is over is told that the member stops, while its connection is there to hear it.
    const impatience = setTimeout(() => replica.stop(), DRAIN_MS_MAX / 2)
    await http.close(DRAIN_MS_MAX)
    clearTimeout(impatience)
    replica.stop()
    await driver.stop()
    await transport.close()
    await peerServer.close()
    tls.close()
    await disk.close()
    ended(undefined)
  }
  return {
    ready,
    get clientUrls() {
      return http.addresses().map((url) => url.origin)
    },
    peerUrls,
    memberId: id,
    clusterId,
    finished,
    connect: () => http.connect(),
    stop: stopOnce,
  }
}
