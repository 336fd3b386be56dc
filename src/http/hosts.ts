/**
 * Under which names clients may ask without TLS (`--host-whitelist` of etcd 3.4).
 *
 * Owns: the comparison and the refusal. It stops pages of a browser that make a name of theirs point at a member (CVE-2018-5702);
 * such a page cannot have a certificate for the name, so TLS needs no list.
 */
import type { TLSSocket } from 'node:tls'
import type { Listener } from './front.ts'
import { send } from './send.ts'

const TYPE = ['Content-Type', 'text/plain; charset=utf-8', 'X-Content-Type-Options', 'nosniff']

/**
 * Lets requests through that name a host of the list.
 *
 * @param hosts names as they stand, without ports; empty or with `*`: any. Then `listener` itself comes back.
 */
export function onlyHosts(hosts: readonly string[], listener: Listener): Listener {
  if (hosts.length === 0 || hosts.includes('*')) return listener
  const allowed = new Set(hosts)
  return (request, response) => {
    const host = hostName(request.headers.host ?? '')
    if (allowed.has(host) || (request.socket as TLSSocket).encrypted === true) {
      listener(request, response)
      return
    }
    request.resume()
    send(response, 421, [], TYPE, refusal(host))
  }
}

function hostName(host: string): string {
  return host.replace(/:[0-9]*$/, '').replace(/^\[(.*)\]$/, '$1')
}

function refusal(host: string): string {
  return (
    `\nThe Host header of this request names ${JSON.stringify(host)}, which --host-whitelist does not.\n` +
    'Use TLS, or add the name to that option. It keeps web pages from reaching this server by way of their own DNS names.\n'
  )
}
