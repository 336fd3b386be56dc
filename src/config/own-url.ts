/**
 * Where a command on the same machine or in the same container finds the member that was started with this environment.
 *
 * Owns: from the listening address to one that can be dialled. Reads nothing but that one option, so that a health check
 * works even where the rest came by flags.
 */
import { type Environment, readEnvironment } from './environment.ts'
import { OPTIONS } from './options.ts'
import { parseEndpoints } from './urls.ts'

const ANY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]', localhost: '127.0.0.1' }

/** The first client URL, dialled on the loopback when it listens everywhere. Throws a RangeError on a bad value. */
export function ownClientUrl(env: Environment): string {
  const { flag, fallback } = OPTIONS.listenClientUrls
  const text = readEnvironment(env).settings.get(flag)?.text ?? fallback
  const [first] = parseEndpoints(text)
  if (first === undefined) throw new RangeError(`no URL in "${text}"`)
  const host = ANY[first.host] ?? (first.host.includes(':') ? `[${first.host}]` : first.host)
  return `${first.protocol}://${host}:${first.port}`
}
