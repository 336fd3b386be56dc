/**
 * One instance of a service, and the JSON record that tells of it.
 *
 * Owns: the shape, its defaults and bounds, reading it with tolerance and writing it in one fixed order. The text is a superset
 * of a SkyDNS record, so that the same serves in both trees. Leaves to others: which keys hold it (`layouts/`).
 */
import { isPort } from './names.ts'
import { RegisterError } from './register-error.ts'

/** `critical` and `draining` instances get no new connections. */
export type InstanceStatus = 'passing' | 'warning' | 'critical' | 'draining'

/** An instance as it is announced and found. Always has all fields. */
export interface ServiceInstance {
  /** Of the service. */
  readonly name: string
  /** Unique within the service. */
  readonly id: string
  /** Address or host name; IPv6 without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  readonly proto: 'tcp' | 'udp'
  readonly tags: readonly string[]
  readonly attrs: Readonly<Record<string, string>>
  readonly status: InstanceStatus
  /** When the status began, RFC 3339; empty: not said. */
  readonly since: string
  /** Share of the load among instances of equal priority. 0: none. */
  readonly weight: number
  /** Lower is asked first. */
  readonly priority: number
  /** For SkyDNS: the TXT record. */
  readonly text: string
  /** Whole seconds for which the announcement holds without a heartbeat. */
  readonly ttl: number
  /** The registrator that announces it, by its host name; empty: a sidecar or a program of its own. */
  readonly agent: string
}

/** Length of a record's text. Larger ones are neither written nor read. */
const RECORD_CHARS_MAX = 64 * 1024
const TAGS_MAX = 256
const ATTRS_MAX = 256
const WEIGHT_DEFAULT = 100
const PRIORITY_DEFAULT = 10
const STATUSES: readonly string[] = ['passing', 'warning', 'critical', 'draining'] satisfies readonly InstanceStatus[]

/** Whether new connections may go to an instance. */
export function isRoutable({ status }: ServiceInstance): boolean {
  return status === 'passing' || status === 'warning'
}

/** An instance with defaults for what is not said. @throws RegisterError `MUSTER_REGISTER_BAD_INSTANCE` when it breaks a bound. */
export function makeInstance(
  given: Pick<ServiceInstance, 'name' | 'id' | 'host' | 'port' | 'ttl'> & Partial<ServiceInstance>,
): ServiceInstance {
  const instance: ServiceInstance = {
    name: given.name,
    id: given.id,
    host: given.host,
    port: given.port,
    proto: given.proto ?? 'tcp',
    tags: given.tags ?? [],
    attrs: given.attrs ?? {},
    status: given.status ?? 'passing',
    since: given.since ?? '',
    weight: given.weight ?? WEIGHT_DEFAULT,
    priority: given.priority ?? PRIORITY_DEFAULT,
    text: given.text ?? '',
    ttl: given.ttl,
    agent: given.agent ?? '',
  }
  const { host, port, tags, attrs } = instance
  if (host === '' || /[\s/[\]]/.test(host)) throw bad(instance, `"${host}" is no host`)
  if (!isPort(port)) throw bad(instance, `${port} is no port: expected 1 to 65535`)
  if (tags.length > TAGS_MAX) throw bad(instance, `it has more than ${TAGS_MAX} tags`)
  if (Object.keys(attrs).length > ATTRS_MAX) throw bad(instance, `it has more than ${ATTRS_MAX} attributes`)
  for (const field of ['weight', 'priority'] as const) {
    const number = instance[field]
    if (!Number.isInteger(number) || number < 0 || number > 65_535)
      throw bad(instance, `${field} ${number} is not a whole number from 0 to 65535`)
  }
  if (renderRecord(instance).length > RECORD_CHARS_MAX)
    throw bad(instance, `its record is longer than ${RECORD_CHARS_MAX} characters`)
  return instance
}

function bad({ name, id }: ServiceInstance, why: string): RegisterError {
  return new RegisterError('MUSTER_REGISTER_BAD_INSTANCE', `cannot register "${id}" of "${name}": ${why}`)
}

/** The record's text. The order of its fields never changes, so equal instances have equal texts. */
export function renderRecord(instance: ServiceInstance): string {
  const { host, port, priority, weight, text, ttl, id, name, proto, tags, attrs, status, since, agent } = instance
  return JSON.stringify({
    host,
    port,
    priority,
    weight,
    text,
    ttl,
    id,
    name,
    proto,
    tags,
    attrs,
    status,
    since,
    agent,
    v: 1,
  })
}

/**
 * Reads a record. Unknown fields are ignored, missing ones get their defaults; name and id are those of the key, whatever the
 * record says. Undefined when it is no record: not JSON, or without a host and a port.
 */
export function parseRecord(name: string, id: string, text: string): ServiceInstance | undefined {
  if (text.length > RECORD_CHARS_MAX) return undefined
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof fields !== 'object' || fields === null) return undefined
  const { host, port, proto, tags, attrs, status, since, weight, priority, text: txt, ttl, agent } = fields as FieldsOf
  if (typeof host !== 'string' || host === '' || !isPort(port)) return undefined
  return {
    name,
    id,
    host,
    port,
    proto: proto === 'udp' ? 'udp' : 'tcp',
    tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [],
    attrs: stringsOf(attrs),
    status: isStatus(status) ? status : 'passing',
    since: typeof since === 'string' ? since : '',
    weight: wholeOr(weight, WEIGHT_DEFAULT),
    priority: wholeOr(priority, PRIORITY_DEFAULT),
    text: typeof txt === 'string' ? txt : '',
    ttl: wholeOr(ttl, 0),
    agent: typeof agent === 'string' ? agent : '',
  }
}

/** What may stand in a record, of which nothing is believed. */
type FieldsOf = { readonly [Field in keyof ServiceInstance]?: unknown }

function isStatus(status: unknown): status is InstanceStatus {
  return typeof status === 'string' && STATUSES.includes(status)
}

function wholeOr(number: unknown, otherwise: number): number {
  return Number.isInteger(number) && (number as number) >= 0 ? (number as number) : otherwise
}

function stringsOf(fields: unknown): Readonly<Record<string, string>> {
  if (typeof fields !== 'object' || fields === null) return {}
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
