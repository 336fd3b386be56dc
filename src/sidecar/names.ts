/**
 * Names of services, ids of instances and addresses: what they may be, and how they look in keys and values.
 *
 * Owns: the rules that keep them from being hidden, or from reaching into another's keys.
 */
import { RegisterError } from './register-error.ts'

/** Characters of a service's name or an instance's id. Keys of five parts stay far below the servers' limit. */
const NAME_CHARS_MAX = 255

/** An address as `host:port` splits into. */
export interface HostPort {
  /** IPv6 without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
}

/**
 * The name under which a service stands: in lower case, with `-` for what is not of `a-z 0-9 . _ -`.
 *
 * @throws RegisterError `MUSTER_REGISTER_BAD_INSTANCE` when it is empty, too long, or would be hidden or another directory.
 */
export function serviceName(text: string): string {
  const name = text.toLowerCase().replace(/[^a-z0-9._-]/g, '-')
  checkPart('service name', name)
  return name
}

/** The name of a service that somebody else may have announced, unchanged. @throws as `serviceName`. */
export function knownServiceName(text: string): string {
  checkPart('service name', text)
  return text
}

/** An instance's id, unchanged. @throws RegisterError `MUSTER_REGISTER_BAD_INSTANCE`, as for `serviceName`, or with a `/`. */
export function instanceId(text: string): string {
  checkPart('instance id', text)
  return text
}

function checkPart(what: string, text: string): void {
  const wrong =
    text === ''
      ? 'it is empty'
      : text.length > NAME_CHARS_MAX
        ? `it has more than ${NAME_CHARS_MAX} characters`
        : text.startsWith('_')
          ? 'a leading "_" would hide it'
          : text === '.' || text === '..'
            ? 'it means another directory'
            : /[/\x00-\x1f\x7f]/.test(text)
              ? 'it has a slash or a control character'
              : undefined
  if (wrong === undefined) return
  throw new RegisterError('MUSTER_REGISTER_BAD_INSTANCE', `cannot use ${what} "${text.slice(0, 80)}": ${wrong}`)
}

/** `host:port`, with brackets around IPv6. */
export function formatAddress({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Takes `host:port` apart; undefined when it is none. */
export function parseAddress(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text.trim())
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  return host === undefined || !isPort(port) ? undefined : { host, port }
}

/** Whether a number is one of a port. */
export function isPort(port: unknown): port is number {
  return Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65_535
}
