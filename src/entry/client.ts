/**
 * The client library: what `import { MusterClient } from 'musterd/client'` gives.
 *
 * Owns: the public names, and what a client can do beyond keys: sessions, locks, elections, announcing services and finding them.
 * Leaves to others: doing it (`../client/`, `../sidecar/`). Loads nothing of the server.
 */
import { MusterClient as KeysClient } from '../client/client.ts'
import { Election } from '../client/coordination/election.ts'
import { acquireLock, type Lock, type LockOptions } from '../client/coordination/lock.ts'
import { openSession, type Session, type SessionOptions } from '../client/coordination/session.ts'
import { type DiscoverOptions, discover, discoverNow, type InstanceList } from '../sidecar/discover.ts'
import { type Registered, type RegisterOptions, register } from '../sidecar/register.ts'

export { ErrorCode } from '../api.ts'
export type { RawAnswer, RequestOptions } from '../client/client.ts'
export { type Codec, jsonCodec, textCodec } from '../client/codec.ts'
export type {
  CampaignOptions,
  Election,
  Leader,
  Standing,
  Term,
} from '../client/coordination/election.ts'
export { CoordinationError, type CoordinationErrorCode } from '../client/coordination/errors.ts'
export type { Lock, LockOptions } from '../client/coordination/lock.ts'
export type { Session, SessionOptions } from '../client/coordination/session.ts'
export { ApiError, ClientError, type ClientErrorCode } from '../client/errors.ts'
export type { FollowOptions, View } from '../client/follow.ts'
export type { Position } from '../client/history.ts'
export type {
  CallOptions,
  Condition,
  Decoding,
  DeleteOptions,
  Found,
  GetOptions,
  Keys,
  ListOptions,
  RefreshOptions,
  WriteOptions,
} from '../client/keys.ts'
export type { Listing } from '../client/listed.ts'
export type { ListedNode } from '../client/listing.ts'
export type { Member, Members } from '../client/members.ts'
export type { EventJson, NodeJson } from '../client/node.ts'
export type {
  ClientHooks,
  ClientLogger,
  ClientOptions,
  ClientTls,
  Connect,
  FailoverSeen,
  RequestSeen,
  Retry,
  RetrySeen,
  WatchLagSeen,
} from '../client/options.ts'
export type { Status } from '../client/status.ts'
export type { Watched, WatchOptions } from '../client/watch.ts'
export type { DiscoverOptions, InstanceList } from '../sidecar/discover.ts'
export type { LookOptions, ReadableLayout } from '../sidecar/instance-list.ts'
export type { InstanceStatus, ServiceInstance } from '../sidecar/record.ts'
export type { CloseOptions, Registered, RegisterOptions } from '../sidecar/register.ts'
export { RegisterError, type RegisterErrorCode } from '../sidecar/register-error.ts'

/**
 * A client of one cluster: muster, or any etcd with the v2 API (locks and elections need 2.3 or later). Close it at the end, or bind
 * it with `await using`.
 *
 * @example
 * await using client = new MusterClient({ endpoints: ['http://127.0.0.1:2379'] })
 * await using lock = await client.lock('/jobs/nightly')
 * await runJob({ fence: lock.fence, signal: lock.signal })
 */
export class MusterClient extends KeysClient {
  /** Opens a session: a sign of life, and what locks and leaderships are held by. @throws RangeError; ClientError; the signal's reason. */
  session(options?: SessionOptions): Promise<Session> {
    return openSession(this, options)
  }

  /**
   * Waits until a lock is ours; the key of that path is not touched. Advisory: send `lock.fence` along with what you do under it.
   * @throws CoordinationError when a given session ended; RangeError; ClientError; the signal's reason.
   */
  lock(path: string, options?: LockOptions): Promise<Lock> {
    return acquireLock(this, path, options)
  }

  /** An election, to stand for or to observe; the key of that path is not touched. @throws RangeError on a path that is none. */
  election(path: string): Election {
    return new Election(this, path)
  }

  /**
   * Announces a service of this process and keeps it announced, through failures of the store, until it is closed.
   * @throws RegisterError on names, addresses and times that make no sense; the signal's reason.
   */
  register(options: RegisterOptions): Promise<Registered> {
    return register(this, options)
  }

  /**
   * The instances of a service, now and whenever they change; those that are critical or draining only with `healthyOnly: false`.
   * While no server can be asked the last list stands, and is told once more as `stale`. Ends as `watch` does.
   * @throws RegisterError on a name that is none; ClientError that asking again will not change.
   * @example
   * for await (const { instances } of client.discover('api')) pool.replace(instances)
   */
  discover(name: string, options?: DiscoverOptions): AsyncGenerator<InstanceList, void, void> {
    return discover(this, name, options)
  }

  /** The instances of a service now. @throws RegisterError on a name that is none; ClientError; the signal's reason. */
  discoverNow(name: string, options?: DiscoverOptions): Promise<InstanceList> {
    return discoverNow(this, name, options)
  }
}
