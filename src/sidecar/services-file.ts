/**
 * A file of services in YAML, TOML or JSON.
 *
 * Owns: reading it and checking every field. Leaves to others: defaults and bounds (service), following changes (the command).
 *
 * ```yaml
 * services:
 *   - name: web
 *     port: 8080
 *     tags: [v2]
 *     check: { http: /health, interval: 5s }
 * ```
 */
import { readFile } from 'node:fs/promises'
import { parse as parseToml } from 'smol-toml'
import { parse as parseYaml } from 'yaml'
import type { CheckOptions } from './checks/check.ts'
import { secondsOf } from './durations.ts'
import { RegisterError } from './register-error.ts'
import { keyOfInstance, type Service, type ServiceOptions, settleService } from './service.ts'

const FILE_CHARS_MAX = 4 * 1024 * 1024
const SERVICES_MAX = 10_000

type Fields = Readonly<Record<string, unknown>>

/** The services of a file, settled. @param ttl whole seconds. @throws RegisterError `MUSTER_REGISTER_BAD_FILE` */
export async function readServices(path: string, ttl: number, hostName?: string): Promise<readonly Service[]> {
  try {
    const text = await readFile(path, 'utf8')
    if (text.length > FILE_CHARS_MAX) throw new Error(`it has more than ${FILE_CHARS_MAX} characters`)
    const services = servicesIn(parse(path, text)).map((options) => settleService(options, ttl, hostName))
    const keys = services.map(({ instance }) => keyOfInstance(instance))
    const twice = keys.find((key, at) => keys.indexOf(key) !== at)
    if (twice !== undefined) throw new Error(`"${twice}" is described twice: give one an id of its own`)
    return services
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new RegisterError(
      'MUSTER_REGISTER_BAD_FILE',
      `cannot take the services from "${path}": ${error.message}`,
      error,
    )
  }
}

function parse(path: string, text: string): unknown {
  if (path.endsWith('.toml')) return parseToml(text)
  if (path.endsWith('.json')) return JSON.parse(text)
  return parseYaml(text)
}

function servicesIn(document: unknown): readonly ServiceOptions[] {
  const list = Array.isArray(document) ? document : isFields(document) ? document['services'] : undefined
  if (!Array.isArray(list)) throw new Error('expected a list "services"')
  if (list.length > SERVICES_MAX) throw new Error(`it has more than ${SERVICES_MAX} services`)
  return list.map((item, at) => {
    if (!isFields(item)) throw new Error(`services[${at}] is no map of fields`)
    return serviceIn(item, `services[${at}]`)
  })
}

const SERVICE_FIELDS = [
  'name',
  'port',
  'host',
  'id',
  'proto',
  'tags',
  'attrs',
  'weight',
  'priority',
  'text',
  'exposedPort',
]

function serviceIn(fields: Fields, where: string): ServiceOptions {
  refuseUnknown(fields, [...SERVICE_FIELDS, 'check'], where)
  const text = (name: string): string | undefined => typed(fields, name, 'string', where)
  const number = (name: string): number | undefined => typed(fields, name, 'number', where)
  const name = text('name')
  const port = number('port')
  if (name === undefined || port === undefined) throw new Error(`${where} needs a name and a port`)
  const proto = text('proto')
  if (proto !== undefined && proto !== 'tcp' && proto !== 'udp')
    throw new Error(`${where}.proto is neither tcp nor udp`)
  const { check } = fields
  return {
    name,
    port,
    ...given({ host: text('host'), id: text('id'), proto, text: text('text') }),
    ...given({ weight: number('weight'), priority: number('priority'), exposedPort: number('exposedPort') }),
    ...given({ tags: tagsIn(fields['tags'], where), attrs: attrsIn(fields['attrs'], where) }),
    ...(check === undefined ? {} : { check: checkIn(check, `${where}.check`) }),
  }
}

const CHECK_FIELDS = [
  ...['http', 'tcp', 'cmd', 'interval', 'timeout', 'rise', 'fall'],
  ...['initialStatus', 'initial-status', 'deregisterAfter', 'deregister-after'],
]

function checkIn(check: unknown, where: string): CheckOptions | string {
  if (typeof check === 'string') return check
  if (!isFields(check)) throw new Error(`${where} is no check`)
  refuseUnknown(check, CHECK_FIELDS, where)
  const seconds = (name: string): number | undefined => secondsIn(check, name, where)
  const number = (name: string): number | undefined => typed(check, name, 'number', where)
  const { tcp } = check
  if (tcp !== undefined && typeof tcp !== 'string' && typeof tcp !== 'boolean')
    throw new Error(`${where}.tcp is no address`)
  return {
    ...given({ http: typed(check, 'http', 'string', where), cmd: typed(check, 'cmd', 'string', where), tcp }),
    ...given({
      interval: seconds('interval'),
      timeout: seconds('timeout'),
      rise: number('rise'),
      fall: number('fall'),
    }),
    ...given({
      initialStatus: initialStatusIn(check, where),
      deregisterAfter: seconds('deregisterAfter') ?? seconds('deregister-after'),
    }),
  }
}

function initialStatusIn(check: Fields, where: string): 'passing' | 'critical' | undefined {
  const status = check['initialStatus'] ?? check['initial-status']
  if (status === undefined || status === 'passing' || status === 'critical') return status
  throw new Error(`${where}.initialStatus is neither passing nor critical`)
}

function secondsIn(fields: Fields, name: string, where: string): number | undefined {
  const value = fields[name]
  const seconds = typeof value === 'string' ? secondsOf(value) : value
  if (seconds === undefined && value === undefined) return undefined
  if (typeof seconds !== 'number')
    throw new Error(`${where}.${name} is no time: expected seconds, or as 500ms, 15s, 2m`)
  return seconds
}

function tagsIn(tags: unknown, where: string): readonly string[] | undefined {
  if (tags === undefined) return undefined
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags
  throw new Error(`${where}.tags is no list of texts`)
}

function attrsIn(attrs: unknown, where: string): Readonly<Record<string, string>> | undefined {
  if (attrs === undefined) return undefined
  if (!isFields(attrs)) throw new Error(`${where}.attrs is no map`)
  return Object.fromEntries(
    Object.entries(attrs).map(([name, value]) => {
      if (typeof value === 'object') throw new Error(`${where}.attrs.${name} is no text`)
      return [name, String(value)]
    }),
  )
}

function typed(fields: Fields, name: string, type: 'string', where: string): string | undefined
function typed(fields: Fields, name: string, type: 'number', where: string): number | undefined
function typed(fields: Fields, name: string, type: string, where: string): unknown {
  const value = fields[name]
  if (value === undefined || typeof value === type) return value
  throw new Error(`${where}.${name} is no ${type === 'string' ? 'text' : 'number'}`)
}

function refuseUnknown(fields: Fields, known: readonly string[], where: string): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`${where} has no field "${unknown}": expected some of ${known.join(', ')}`)
}

/** Without what is undefined. */
function given<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
