/**
 * What a container says of its services, by registrator's rules. Pure.
 *
 * Owns: names, ids, addresses, tags, attributes and checks from ports, environment and labels. Leaves to others: settling them
 * (service), asking the engine.
 *
 * `SERVICE_<KEY>` and `SERVICE_<port>_<KEY>` come from the environment and from labels; for a port wins over for all, the
 * environment over labels.
 */
import type { CheckOptions } from '../checks/check.ts'
import { secondsOf } from '../durations.ts'
import { formatAddress, type HostPort } from '../names.ts'
import type { ServiceOptions } from '../service.ts'
import { type Container, healthOf, type PortBinding } from './container.ts'

export interface ContainerRules {
  /** Stands in ids. */
  readonly hostName: string
  /** For published ports, whatever address they are bound to; empty: that one, or this machine's for all addresses. */
  readonly ip: string
  readonly ownAddress: string
  /** Announce the container's own address and ports instead of the published ones. */
  readonly internal: boolean
  /** Only containers that name their service. */
  readonly explicit: boolean
  /** A label that holds the address; empty: none. */
  readonly ipLabel: string
  /** For every service, separated by commas. */
  readonly tags: string
  /** For services that have no check of their own; undefined: none. */
  readonly checkDefault: CheckOptions | undefined
  /** For checks that do not say it, seconds; undefined: never. */
  readonly deregisterAfter: number | undefined
  /** Whether containers may have the agent run commands. */
  readonly allowsCommands: boolean
}

/** Bounds of what containers may ask of the agent that checks all of them. Seconds. */
const INTERVAL_S = [1, 3_600] as const
const TIMEOUT_S = [0.1, 60] as const

/** What came of a container. */
export interface ContainerServices {
  readonly services: readonly ServiceOptions[]
  /** What is left out or taken otherwise, and why, for the log. */
  readonly notes: readonly string[]
}

/** @param linked the container whose network this one shares (`--net=container:…`), where that is so. */
export function servicesOf(
  container: Container,
  rules: ContainerRules,
  linked: Container | undefined,
): ContainerServices {
  const notes: string[] = []
  const ports = portsOf(container).filter(({ hostPort, exposed }) => {
    if (rules.internal || hostPort !== 0) return true
    notes.push(`left out: port ${exposed} is not published`)
    return false
  })
  const services: ServiceOptions[] = []
  for (const port of ports) {
    const service = serviceAt(container, port, rules, { isGroup: ports.length > 1, linked, notes })
    if (service === undefined) continue
    if (services.some(({ name, id }) => name === service.name && id === service.id)) {
      notes.push(`left out: port ${port.exposed} would be a second "${service.id}" of "${service.name}"`)
    } else services.push(service)
  }
  return { services, notes }
}

interface Port {
  readonly exposed: number
  readonly proto: 'tcp' | 'udp'
  readonly hostIp: string
  /** 0: not published. */
  readonly hostPort: number
}

function portsOf({ Config, HostConfig, NetworkSettings }: Container): readonly Port[] {
  const bindings = new Map<string, PortBinding | undefined>()
  const mode = HostConfig?.NetworkMode ?? ''
  // Nothing is published where the host's network, or another container's, is used as it is.
  const isDirect = mode === 'host' || mode.startsWith('container:')
  for (const port of Object.keys(Config?.ExposedPorts ?? {})) {
    bindings.set(port, isDirect ? { HostIp: '', HostPort: port.split('/')[0] ?? '' } : undefined)
  }
  for (const [port, published] of Object.entries(NetworkSettings?.Ports ?? {})) {
    bindings.set(port, published?.[0] ?? bindings.get(port))
  }
  return [...bindings]
    .map(([port, binding]): Port => {
      const [exposed, proto] = port.split('/')
      const { HostIp: hostIp = '', HostPort: hostPort = '' } = binding ?? {}
      return { exposed: Number(exposed), proto: proto === 'udp' ? 'udp' : 'tcp', hostIp, hostPort: Number(hostPort) }
    })
    .sort((a, b) => a.exposed - b.exposed || (a.proto < b.proto ? -1 : 1))
}

interface Around {
  readonly isGroup: boolean
  readonly linked: Container | undefined
  readonly notes: string[]
}

function serviceAt(
  container: Container,
  port: Port,
  rules: ContainerRules,
  { isGroup, linked, notes }: Around,
): ServiceOptions | undefined {
  const { exposed, proto } = port
  const { all, forPort } = metadataOf(container, exposed)
  const { name: given = '', id = '', tags = '', ignore = '', ...rest } = { ...all, ...forPort }
  if (ignore !== '') return undefined
  if (given === '' && rules.explicit) {
    notes.push(`left out: port ${exposed} has no SERVICE_NAME`)
    return undefined
  }
  const base = given === '' ? imageName(container.Config?.Image ?? '') : given
  const host = hostOf(container, port, rules, linked)
  if (host === '') {
    notes.push(`left out: port ${exposed} has no address`)
    return undefined
  }
  const number = rules.internal ? exposed : port.hostPort
  const attrs = Object.entries(rest).filter(([key, value]) => value !== '' && !key.startsWith('check_'))
  const containerName = (container.Name ?? container.Id.slice(0, 12)).replace(/^\//, '')
  const own = checkOf(rest, { host, port: number }, rules, notes)
  // A check of its own comes first, then the image's, then the one for all.
  const checkedElsewhere = own === undefined && healthOf(container) !== undefined
  const check = own ?? (checkedElsewhere ? undefined : defaultCheckOf(rules, proto))
  return {
    name: isGroup && (forPort['name'] ?? '') === '' ? `${base}-${exposed}` : base,
    id: id === '' ? `${rules.hostName}:${containerName}:${exposed}${proto === 'udp' ? ':udp' : ''}` : id,
    ...{ host, port: number, proto, exposedPort: exposed, agent: rules.hostName, attrs: Object.fromEntries(attrs) },
    tags: [...splitTags(tags), ...splitTags(rules.tags), ...(proto === 'udp' ? ['udp'] : [])],
    ...(check === undefined ? {} : { check }),
    checkedElsewhere,
  }
}

function metadataOf(
  { Config }: Container,
  exposed: number,
): { readonly all: Record<string, string>; readonly forPort: Record<string, string> } {
  const all: Record<string, string> = {}
  const forPort: Record<string, string> = {}
  const pairs = [...Object.entries(Config?.Labels ?? {}), ...(Config?.Env ?? []).map(splitPair)]
  for (const [name, value] of pairs) {
    if (!name.startsWith('SERVICE_')) continue
    const key = name.slice('SERVICE_'.length).toLowerCase()
    const [, number, rest] = /^(\d+)_(.+)$/.exec(key) ?? []
    if (rest === undefined) all[key] = value
    else if (Number(number) === exposed) forPort[rest] = value
  }
  return { all, forPort }
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf('=')
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
}

function hostOf(container: Container, port: Port, rules: ContainerRules, linked: Container | undefined): string {
  const labelled = rules.ipLabel === '' ? undefined : container.Config?.Labels?.[rules.ipLabel]
  if (labelled !== undefined && labelled !== '') return labelled.replace(/\/\d+$/, '')
  if (linked !== undefined) return addressOf(linked)
  if (rules.internal) return addressOf(container)
  if (rules.ip !== '') return rules.ip
  return /^(|0\.0\.0\.0|::)$/.test(port.hostIp) ? rules.ownAddress : port.hostIp
}

function addressOf({ HostConfig, NetworkSettings }: Container): string {
  const networks = NetworkSettings?.Networks ?? {}
  const own = networks[HostConfig?.NetworkMode ?? '']?.IPAddress
  const any = Object.values(networks).find((network) => (network?.IPAddress ?? '') !== '')?.IPAddress
  return own || NetworkSettings?.IPAddress || any || ''
}

/** `registry:5000/team/web:v2@sha256:…` → `web`. */
function imageName(image: string): string {
  const last = image.split('@')[0]?.split('/').at(-1) ?? ''
  return last.split(':')[0] ?? ''
}

/** At commas that have no backslash before them. */
function splitTags(text: string): readonly string[] {
  return text
    .split(/(?<!\\),/)
    .map((tag) => tag.replaceAll('\\,', ',').trim())
    .filter((tag) => tag !== '')
}

function checkOf(
  metadata: Readonly<Record<string, string>>,
  own: HostPort,
  { allowsCommands, deregisterAfter }: ContainerRules,
  notes: string[],
): CheckOptions | undefined {
  const address = formatAddress(own)
  const { check_http: http, check_https: https, check_tcp: tcp, check_cmd, check_script } = metadata
  const cmd = check_cmd ?? check_script
  const target =
    http !== undefined
      ? { http: urlOf('http', address, http) }
      : https !== undefined
        ? { http: urlOf('https', address, https) }
        : tcp !== undefined
          ? { tcp }
          : cmd !== undefined && allowsCommands
            ? { cmd: cmd.replaceAll('$SERVICE_IP', own.host).replaceAll('$SERVICE_PORT', String(own.port)) }
            : undefined
  if (target === undefined) {
    if (cmd !== undefined) notes.push('left out: its check is a command, which --allow-cmd-checks would have to allow')
    return undefined
  }
  const seconds = (key: string): number | undefined => secondsOf(metadata[key] ?? '')
  const bounded = (key: string, [min, max]: readonly [number, number]): number | undefined => {
    const given = seconds(key)
    if (given === undefined || (given >= min && given <= max)) return given
    const taken = Math.min(max, Math.max(min, given))
    notes.push(`${key} is ${given} s: taking ${taken} s`)
    return taken
  }
  const times = {
    interval: bounded('check_interval', INTERVAL_S),
    timeout: bounded('check_timeout', TIMEOUT_S),
    deregisterAfter: seconds('check_deregister_after') ?? deregisterAfter,
    rise: seconds('check_rise'),
    fall: seconds('check_fall'),
  }
  const initialStatus = metadata['check_initial_status'] === 'passing' ? { initialStatus: 'passing' as const } : {}
  const known = Object.entries(times).filter(([, value]) => value !== undefined)
  return { ...target, ...initialStatus, ...Object.fromEntries(known) }
}

/** The check for all, but of an address where nobody would answer it. */
function defaultCheckOf({ checkDefault, deregisterAfter }: ContainerRules, proto: string): CheckOptions | undefined {
  const isAtOwnAddress = checkDefault?.tcp === true || checkDefault?.http?.startsWith('/') === true
  if (checkDefault === undefined || (proto === 'udp' && isAtOwnAddress)) return undefined
  return deregisterAfter === undefined ? checkDefault : { ...checkDefault, deregisterAfter }
}

function urlOf(scheme: string, address: string, path: string): string {
  return path.includes('://') ? path : `${scheme}://${address}${path.startsWith('/') ? '' : '/'}${path}`
}
