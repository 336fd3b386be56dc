/**
 * What watchers got, where etcd's rules of looking back differ from ours.
 *
 * Owns: telling each of those rules apart, by the first event that etcd delivered and what was asked. Leaves to others: the
 * reasons (COMPATIBILITY.md).
 */
import type { Shown } from './compare.ts'
import type { Observation } from './run.ts'
import { headerOf, type Received } from './wire.ts'

interface WatchedEvent {
  readonly text: string
  readonly action: string
  readonly key: string
  readonly dir: boolean
  readonly index: number
}

interface Watched {
  /** Canonical; the prefix filled in as it is in the events. */
  readonly path: string
  readonly recursive: boolean
  readonly stream: boolean
  readonly etcd: readonly WatchedEvent[]
  readonly muster: readonly WatchedEvent[]
  /** Of the registration. */
  readonly index: number
}

/** A stream from the past: etcd delivers what it found and then nothing, whatever happens. */
export function endsAfterOne(observation: Observation, _: Shown): boolean {
  const watched = read(observation)
  if (watched === undefined || !watched.stream || watched.etcd.length !== 1) return false
  const [found] = watched.etcd
  return found !== undefined && found.index <= watched.index && isSame(found, watched.muster[0])
}

/** A stream on exactly what is removed: etcd tells it twice. */
export function tellsTwice(observation: Observation, _: Shown): boolean {
  const watched = read(observation)
  if (watched === undefined || !watched.stream) return false
  const removals = ['delete', 'compareAndDelete', 'expire']
  const once = watched.etcd.filter((event, at) => {
    return !(isSame(event, watched.etcd[at - 1]) && event.key === watched.path && removals.includes(event.action))
  })
  return once.length < watched.etcd.length && isSameList(once, watched.muster)
}

/** Looking back, etcd shows recursive watchers what is hidden from them. */
export function dropsHidden(observation: Observation, _: Shown): boolean {
  const watched = read(observation)
  const found = watched?.etcd[0]
  if (watched === undefined || found === undefined || !watched.recursive || found.index > watched.index) return false
  const isHidden = (event: WatchedEvent): boolean => isHiddenBelow(watched.path, event.key)
  return isHidden(found) && watched.muster.every((event) => !isHidden(event) && event.index > found.index)
}

/** Looking back, etcd takes the removal of `/pq` for one of `/pqfoo`. */
export function dropsNamesakes(observation: Observation, _: Shown): boolean {
  const watched = read(observation)
  const found = watched?.etcd[0]
  if (watched === undefined || found === undefined || found.index > watched.index || !found.dir) return false
  const { path } = watched
  const isNamesake = path.startsWith(found.key) && path !== found.key && !path.startsWith(`${found.key}/`)
  return isNamesake && watched.muster.every(({ index }) => index > found.index)
}

function isHiddenBelow(path: string, key: string): boolean {
  return key.slice(path === '/' ? 0 : path.length).includes('/_')
}

function isSame(one: WatchedEvent, other: WatchedEvent | undefined): boolean {
  return other !== undefined && plain(one.text) === plain(other.text)
}

function isSameList(some: readonly WatchedEvent[], others: readonly WatchedEvent[]): boolean {
  return some.length === others.length && some.every((event, at) => isSame(event, others[at]))
}

/** Times were compared already, or belong to what the other never delivers; each writes U+FFFD in its own way. */
function plain(text: string): string {
  return text.replace(/"expiration":"[^"]*"(,"ttl":-?\d+)?/g, '"expiration":"*"').replaceAll('\xef\xbf\xbd', '\\ufffd')
}

function read({ step, etcd, muster, index, prefix }: Observation): Watched | undefined {
  if (step.kind !== 'watch' || etcd.kind !== 'answer' || muster.kind !== 'answer') return undefined
  if (etcd.status !== 200 || muster.status !== 200) return undefined
  const [path = '', query = ''] = step.target.split('?')
  const key = path.slice('/v2/keys'.length).replaceAll('{p}', prefix).replace(/\/$/, '')
  return {
    path: key === '' ? '/' : key,
    recursive: query.includes('recursive=true'),
    stream: query.includes('stream=true'),
    etcd: eventsOf(etcd),
    muster: eventsOf(muster),
    index: Number(headerOf(etcd, 'x-etcd-index') ?? index),
  }
}

function eventsOf(received: Received): WatchedEvent[] {
  if (received.kind !== 'answer') return []
  return received.body.split('\n').flatMap((text) => {
    if (text === '') return []
    const { action, node } = JSON.parse(text) as {
      readonly action: string
      readonly node: { readonly key: string; readonly dir?: boolean; readonly modifiedIndex: number }
    }
    return [{ text, action, key: node.key, dir: node.dir === true, index: node.modifiedIndex }]
  })
}
