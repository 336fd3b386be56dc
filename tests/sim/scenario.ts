/**
 * What scenarios are made of: a calm cluster with a leader, writes and reads as one line each, and an end that checks.
 *
 * Owns: the shorthand. No assertions but those of the world.
 */
import type { ConditionCode } from '../../src/replica/ports.ts'
import type { Command } from '../../src/store/command.ts'
import type { Outcome } from '../../src/store/outcome.ts'
import type { Write } from './checker.ts'
import type { SimMember } from './member.ts'
import { mustSettle } from './progress.ts'
import { ELECTION_MS, ROOMY, type WorldSettings } from './settings.ts'
import type { SimWatcher } from './watchers.ts'
import { World } from './world.ts'

/** Long enough for an election, or two. */
export const SOON_MS = 10 * ELECTION_MS

/** A cluster with a leader that everybody follows. */
export async function calmWorld(seed: number, members = 3, settings: Partial<WorldSettings> = {}): Promise<World> {
  const world = await World.create({ seed, members, settings: { ...ROOMY, ...settings } })
  await mustAgree(world, world.members)
  return world
}

/** Runs until `members` follow one leader, which is among them. */
export async function mustAgree(world: World, members: readonly SimMember[]): Promise<SimMember> {
  const leader = (): SimMember | undefined => {
    const first = members[0]?.replica?.roleView
    const found = members.find((member) => member.id === first?.leader && member.replica?.roleView.role === 'leader')
    const isKnown = members.every((member) => member.replica?.roleView.leader === found?.id)
    const isOneTerm = members.every((member) => member.replica?.roleView.term === first?.term)
    return isKnown && isOneTerm ? found : undefined
  }
  await world.mustReach('no leader that everybody follows', () => leader() !== undefined, SOON_MS)
  return leader() as SimMember
}

/** The leader, and the others. */
export function roles(world: World): { readonly leader: SimMember; readonly followers: readonly SimMember[] } {
  const leader = world.leader()
  if (leader === undefined) throw new TypeError('there is no leader')
  return { leader, followers: world.others(leader) }
}

/** A plain write, with a TTL if `ttlMs` is given. */
export function setCommand(path: string, value: string, ttlMs?: number): Command {
  const ttl = ttlMs === undefined ? undefined : { ms: ttlMs, expirationMs: Date.UTC(2026, 0, 1) + ttlMs }
  return { kind: 'set', path, value, dir: false, ttl, refresh: false }
}

/** Asks for a write and lets it be answered. */
export async function write(world: World, member: SimMember, command: Command): Promise<Outcome | ConditionCode> {
  const asked = world.ask(member, command)
  await world.mustReach(`no answer to a write through ${member.name}`, () => asked.answer !== undefined, 2 * SOON_MS)
  return asked.answer as Outcome | ConditionCode
}

/** Writes `count` keys through `member`, one after the other. Returns how many were acknowledged. */
export async function fill(world: World, member: SimMember, count: number): Promise<number> {
  let acknowledged = 0
  for (let i = 0; i < count; i++) {
    const answer = await write(world, member, setCommand(`/fill/${i % 10}`, `${member.name}-${i}`))
    if (typeof answer === 'object' && answer.ok) acknowledged++
  }
  return acknowledged
}

/** Writes through all `members` in turn, one every `everyMs`, until `stop` is called. */
export function load(
  world: World,
  members: readonly SimMember[],
  everyMs: number,
): { readonly writes: Write[]; stop(): void } {
  const writes: Write[] = []
  let isOver = false
  const next = (): void => {
    if (isOver) return
    const member = members[writes.length % members.length] as SimMember
    writes.push(world.ask(member, setCommand(`/load/${writes.length % 10}`, `load-${writes.length}`)))
    world.timeline.in(everyMs, next)
  }
  next()
  return {
    writes,
    stop: () => {
      isOver = true
    },
  }
}

/** A quorum read. Resolves with what it met, or the value that is there. */
export async function readQuorum(
  world: World,
  member: SimMember,
  path: string,
): Promise<ConditionCode | { value: string | undefined }> {
  let answer: ConditionCode | { value: string | undefined } | undefined
  world.readQuorum(member, path, (refused, replica) => {
    answer = refused ?? { value: replica.store.tree.find(path)?.value }
  })
  await world.mustReach(`no answer to a read at ${member.name}`, () => answer !== undefined, 2 * SOON_MS)
  return answer as ConditionCode | { value: string | undefined }
}

/** Heals everything and holds the whole cluster to progress and to every checker. */
export async function end(world: World, watchers: readonly SimWatcher[] = []): Promise<void> {
  world.network.mendAll()
  for (const member of world.members) {
    world.resume(member)
    if (!member.isUp) world.restart(member)
  }
  await mustSettle(world, world.members, watchers)
}

/** How many answers of each kind there were. `ok` counts outcomes; writes without an answer count as `none`. */
export function tally(writes: readonly Write[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { answer } of writes) {
    const kind = answer === undefined ? 'none' : typeof answer === 'string' ? answer : 'ok'
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}
