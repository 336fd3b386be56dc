/**
 * A service as users describe it, and that description settled.
 *
 * Owns: defaults and checks of one description; the address and id that are not given. Leaves to others: where descriptions come
 * from (command line, file, containers, programs).
 */
import { hostname, networkInterfaces } from 'node:os'
import { type Check, type CheckOptions, checkOptionsOf, settleCheck } from './checks/check.ts'
import { formatAddress, instanceId, serviceName } from './names.ts'
import { makeInstance, type ServiceInstance } from './record.ts'

/** What is announced. */
export interface ServiceOptions {
  readonly name: string
  readonly port: number
  /** Where others reach it; else this machine's first address that is not loopback. */
  readonly host?: string
  /** Else `<host name>:<name>:<port>`. */
  readonly id?: string
  readonly proto?: 'tcp' | 'udp'
  readonly tags?: readonly string[]
  readonly attrs?: Readonly<Record<string, string>>
  readonly weight?: number
  readonly priority?: number
  readonly text?: string
  /** The registrator that announces it. */
  readonly agent?: string
  /** The port within the container. */
  readonly exposedPort?: number
  /** How to tell whether it is well; none: it counts as passing. Text as `http://…`, `/path`, `tcp`, `tcp://host:port`, `cmd:…`. */
  readonly check?: CheckOptions | string
  /** Its status is told by somebody else, and until then it is critical. Not beside `check`. */
  readonly checkedElsewhere?: boolean
}

/** A description with everything settled. Two that are equal as JSON are the same. */
export interface Service {
  /** With the status `passing` and without a date. */
  readonly instance: ServiceInstance
  readonly exposedPort: number
  readonly check: Check | undefined
  readonly checkedElsewhere: boolean
}

/**
 * Settles a description.
 *
 * @param ttl whole seconds
 * @param hostName stands in ids; this machine's unless told otherwise
 * @throws RegisterError `MUSTER_REGISTER_BAD_INSTANCE`, `MUSTER_REGISTER_BAD_SETTINGS`
 */
export function settleService(options: ServiceOptions, ttl: number, hostName = hostname()): Service {
  const { port, exposedPort = port, check, checkedElsewhere = false } = options
  const name = serviceName(options.name)
  const host = options.host ?? ownAddress()
  const { proto = 'tcp', tags = [], attrs = {}, agent = '', weight, priority, text } = options
  const id = instanceId(options.id ?? `${hostName}:${name}:${port}${proto === 'udp' ? ':udp' : ''}`)
  const instance = makeInstance({
    ...{ name, id, host, port, proto, tags, attrs, ttl, agent },
    ...(weight === undefined ? {} : { weight }),
    ...(priority === undefined ? {} : { priority }),
    ...(text === undefined ? {} : { text }),
  })
  const checkOptions = typeof check === 'string' ? checkOptionsOf(check) : check
  return {
    instance,
    exposedPort,
    check: checkOptions === undefined ? undefined : settleCheck(checkOptions, { host, port }),
    checkedElsewhere,
  }
}

/** Tells instances of one agent apart. */
export function keyOfInstance({ name, id }: Pick<ServiceInstance, 'name' | 'id'>): string {
  return `${name}/${id}`
}

/** For messages. */
export function describeInstance(instance: ServiceInstance): string {
  return `${keyOfInstance(instance)} at ${formatAddress(instance)}`
}

/** This machine's first address that is not loopback, IPv4 before IPv6; loopback where there is no other. */
export function ownAddress(): string {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^(169\.254\.|fe80:)/i.test(address))
  const best = addresses.find(({ family }) => family === 'IPv4') ?? addresses[0]
  return best?.address ?? '127.0.0.1'
}
