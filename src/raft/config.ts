/**
 * Settings of the core, in ticks, counts and bytes.
 *
 * Owns: defaults, their reasons, and the checks. Milliseconds are turned into ticks by `src/member/settings.ts`, nowhere else.
 */
import assert from 'node:assert'
import type { MemberId } from './types.ts'

export interface RaftConfig {
  readonly id: MemberId
  /** Ticks without news of a leader before a follower stands. Each wait is drawn from [n, 2n). */
  readonly electionTicks: number
  /** Ticks between a leader's heartbeats. */
  readonly heartbeatTicks: number
  /**
   * Ticks, at most, that a follower waits when it was told that its leader's process is gone. The wait is drawn from
   * [0, n) so that not all stand at once.
   */
  readonly goneTicksMax: number
  /** Bytes of entries in one append. Too low: many messages. Too high: one message holds up the heartbeats behind it. */
  readonly appendBytesMax: number
  /** Appends in flight to one follower. At 1 MiB each and 1 ms round trip, 256 is never the limit on a LAN. */
  readonly inflightCountMax: number
  /** Bytes in flight to one follower; what a slow one can cost in the sockets' buffers. */
  readonly inflightBytesMax: number
  /** Bytes of entries handed out for applying in one batch, so that one turn stays short. */
  readonly appliedBytesMax: number
  /** How many they may be: small ones cost 5 to 25 us each, whatever their bytes. */
  readonly appliedCountMax: number
  /** Bytes of entries that a leader accepts beyond its commit index; past that, proposals are refused as overload. */
  readonly uncommittedBytesMax: number
  /** Proposals that fit one forwarded message. */
  readonly proposeBytesMax: number
  /** Reads that may wait for a proof of leadership; more are dropped at once. */
  readonly readsMax: number
  /** Source of the randomised waits: a float in [0, 1). The only randomness of the core, and it comes from outside. */
  readonly random: () => number
}

export const RAFT_DEFAULTS = {
  electionTicks: 50,
  heartbeatTicks: 5,
  goneTicksMax: 8,
  appendBytesMax: 1024 * 1024,
  inflightCountMax: 256,
  inflightBytesMax: 16 * 1024 * 1024,
  appliedBytesMax: 4 * 1024 * 1024,
  appliedCountMax: 2000,
  uncommittedBytesMax: 256 * 1024 * 1024,
  proposeBytesMax: 1024 * 1024,
  readsMax: 100_000,
} as const

/** Fails when a setting would break the core. Option checks in `config/` come first and say it to the user. */
export function checkRaftConfig(config: RaftConfig): void {
  assert(config.heartbeatTicks >= 1, 'heartbeatTicks is at least 1')
  assert(config.electionTicks > config.heartbeatTicks, 'electionTicks is more than heartbeatTicks')
  assert(config.goneTicksMax >= 1 && config.goneTicksMax <= config.electionTicks)
  for (const bytes of [
    config.appendBytesMax,
    config.inflightBytesMax,
    config.appliedBytesMax,
    config.uncommittedBytesMax,
    config.proposeBytesMax,
  ]) {
    assert(Number.isSafeInteger(bytes) && bytes > 0, 'a limit in bytes is a positive integer')
  }
  assert(config.inflightCountMax >= 1 && config.readsMax >= 1 && config.appliedCountMax >= 1)
}
