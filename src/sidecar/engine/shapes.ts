/**
 * What the engine answers, checked once, where it comes in: behind this everything has the types of `container.ts`.
 *
 * Owns: the shapes of the fields that matter; others may be what they like. Leaves to others: what becomes of nonsense (engine,
 * follower).
 *
 * Go writes what is not there as `null`, but texts, numbers and switches it always writes: those may be missing, and not null.
 */
import { type Container, type EngineEvent, isRunning } from './container.ts'

/** The engine, or a proxy before it, said something that cannot be meant. */
export class Nonsense extends Error {
  override readonly name = 'Nonsense'
}

/** Containers, as a list tells of them. */
export interface Listing {
  /** Whether each may run: where the list does not say, looking at it does. */
  readonly containers: ReadonlyMap<string, boolean>
  /** What was wrong with an item, which may have been any container; undefined: nothing is missing. */
  readonly nonsense: Nonsense | undefined
}

/** Checks one value. @param where for the message. @throws Nonsense */
type Shape = (said: unknown, where: string) => void

const anything: Shape = () => {}
const number = typed('number')
const flag = typed('boolean')
const health = orNull(fields({ Status: text }))

const CONTAINER_STATE = fields(
  {
    Id: name,
    State: fields(
      { Running: flag, Restarting: flag, ExitCode: number, StartedAt: text, Health: health, Healthcheck: health },
      ['Running'],
    ),
  },
  ['Id', 'State'],
)

const CONTAINER = fields({
  Name: text,
  Config: orNull(
    fields({
      Image: text,
      Env: orNull(listOf(text)),
      Labels: orNull(mapOf(text)),
      ExposedPorts: orNull(mapOf(anything)),
    }),
  ),
  HostConfig: orNull(fields({ NetworkMode: text })),
  NetworkSettings: orNull(
    fields({
      IPAddress: text,
      Ports: orNull(mapOf(orNull(listOf(fields({ HostIp: text, HostPort: text }))))),
      Networks: orNull(mapOf(orNull(fields({ IPAddress: text })))),
    }),
  ),
})

const EVENT = fields({
  Type: text,
  Action: text,
  Actor: orNull(fields({ ID: text, Attributes: orNull(fields({ container: text })) })),
})

/** An event of this shape. */
interface Said {
  readonly Type?: string
  /** `start`, `die`, `health_status: healthy`, … */
  readonly Action?: string
  readonly Actor?: { readonly ID?: string; readonly Attributes?: { readonly container?: string } | null } | null
}

const ITEM = fields({ Id: name }, ['Id'])

/** The answer to an inspection. Of one that does not run no more than its state counts. @throws Nonsense */
export function containerOf(said: unknown): Container {
  CONTAINER_STATE(said, 'container')
  const { Id, State } = said as Container
  if (!isRunning({ Id, State })) return { Id, State }
  CONTAINER(said, 'container')
  return said as Container
}

/** One line of the events. @throws Nonsense */
export function eventOf(said: unknown): EngineEvent {
  EVENT(said, 'event')
  const { Type, Action, Actor } = said as Said
  // Empty where it is about none; among the attributes of a container are its labels, which may have any name.
  const id = (Type === 'network' ? Actor?.Attributes?.container : Actor?.ID) || undefined
  return { id, isRemoval: Action === 'destroy' }
}

/** The answer to a listing. @throws Nonsense when it is no list */
export function listingOf(said: unknown): Listing {
  // A proxy in front of the engine may not let this through: that is no empty list.
  if (!Array.isArray(said)) throw new Nonsense('it gave no list of containers')
  const containers = new Map<string, boolean>()
  let nonsense: Nonsense | undefined
  for (const [at, item] of said.entries()) {
    try {
      ITEM(item, `item ${at}`)
      const { Id, State } = item as { readonly Id: string; readonly State?: unknown }
      containers.set(Id, typeof State !== 'string' || State === 'running' || State === 'paused')
    } catch (error) {
      if (!(error instanceof Nonsense)) throw error
      nonsense ??= error
    }
  }
  return { containers, nonsense }
}

function typed(type: 'number' | 'boolean'): Shape {
  return (said, where) => {
    if (typeof said !== type) fail(where, type, said)
  }
}

/** Half a character could stand in no path of a request, neither to the engine nor to the store. */
function text(said: unknown, where: string): void {
  if (typeof said !== 'string' || !said.isWellFormed()) fail(where, 'text', said)
}

function name(said: unknown, where: string): void {
  text(said, where)
  if (said === '') fail(where, 'name', said)
}

function orNull(shape: Shape): Shape {
  return (said, where) => {
    if (said !== null) shape(said, where)
  }
}

/** An object, any of whose fields may be missing but the required ones. */
function fields(shapes: Readonly<Record<string, Shape>>, required: readonly string[] = []): Shape {
  return (said, where) => {
    const object = objectOf(said, where)
    for (const [field, shape] of Object.entries(shapes)) {
      if (object[field] !== undefined || required.includes(field)) shape(object[field], `${where}.${field}`)
    }
  }
}

function mapOf(shape: Shape): Shape {
  return (said, where) => {
    for (const [key, value] of Object.entries(objectOf(said, where))) {
      text(key, `a name in ${where}`)
      shape(value, `${where}["${key.slice(0, 80)}"]`)
    }
  }
}

function listOf(shape: Shape): Shape {
  return (said, where) => {
    if (!Array.isArray(said)) fail(where, 'list', said)
    for (const [at, item] of said.entries()) shape(item, `${where}[${at}]`)
  }
}

function objectOf(said: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof said !== 'object' || said === null || Array.isArray(said)) fail(where, 'object', said)
  return said as Readonly<Record<string, unknown>>
}

/** Values are not told: environments hold passwords. */
function fail(where: string, expected: string, said: unknown): never {
  const kind = said === null ? 'null' : Array.isArray(said) ? 'list' : said === undefined ? 'missing' : typeof said
  throw new Nonsense(`it says nonsense: ${where} is no ${expected} (${kind})`)
}
