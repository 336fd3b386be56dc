/**
 * URLs in options: reading them, and turning names to listen on into addresses.
 *
 * Owns: what is allowed (scheme, host, port, no path) and the sentence that says otherwise. The sentences are etcd's where
 * it has one, since operators search for them.
 */
import { isIPv6 } from 'node:net'
import type { Endpoint, ListenEndpoint } from './config.ts'

/** Reads one `http://host:port`. Throws a RangeError with a sentence that quotes the text. */
export function parseEndpoint(text: string): Endpoint {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'unix' || scheme === 'unixs') throw new RangeError(`unix sockets are not supported: ${text}`)
  if (scheme !== 'http' && scheme !== 'https') throw new RangeError(`URL scheme must be http or https: ${text}`)
  const rest = text.slice(scheme.length + 3)
  const authority = rest.replace(/\/$/, '')
  if (/[/?#]/.test(authority)) throw new RangeError(`URL must not contain a path: ${text}`)
  const parts = /^(?:\[([0-9a-f:.]+)\]|([^:@[\]\s]+)):([0-9]{1,5})$/i.exec(authority)
  const host = parts?.[1] ?? parts?.[2]
  const port = Number(parts?.[3])
  if (host === undefined || port > 65_535 || !URL.canParse(text)) {
    throw new RangeError(`URL address does not have the form "host:port": ${text}`)
  }
  return { href: `${scheme}://${authority}`, protocol: scheme, host, port }
}

/** Reads a comma-separated list of URLs. Throws a RangeError like `parseEndpoint`, also on an empty list. */
export function parseEndpoints(text: string): readonly Endpoint[] {
  const parts = text.split(',').map((part) => part.trim())
  return parts.map(parseEndpoint)
}

/** Addresses to listen on for one URL: `localhost` is 127.0.0.1, and ::1 where that exists; another name is left to the system. */
export function listenEndpoints(endpoint: Endpoint, optional: boolean): readonly ListenEndpoint[] {
  if (endpoint.host === 'localhost') {
    return [listenEndpoint(endpoint, '127.0.0.1', optional), listenEndpoint(endpoint, '::1', true)]
  }
  return [listenEndpoint(endpoint, endpoint.host, optional)]
}

function listenEndpoint(endpoint: Endpoint, host: string, optional: boolean): ListenEndpoint {
  const { protocol, port } = endpoint
  return { href: `${protocol}://${isIPv6(host) ? `[${host}]` : host}:${port}`, protocol, host, port, optional }
}
