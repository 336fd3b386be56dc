/**
 * The common name in a client's certificate.
 *
 * Owns: looking it up once for each connection, and only where the certificate was checked. Leaves to others: whether such a name
 * is a user's (guard).
 */
import type { Socket } from 'node:net'
import type { PeerCertificate } from 'node:tls'

/** What is asked of a TLS socket. */
interface SecureSocket {
  readonly authorized: boolean
  getPeerCertificate(): Partial<PeerCertificate>
}

/** Empty: there is none. */
const names = new WeakMap<Socket, string>()

/** The name in the certificate of whoever is at the other end, itself and none of its issuers'; undefined: none that was verified. */
export function verifiedCommonName(socket: Socket): string | undefined {
  let name = names.get(socket)
  if (name === undefined) {
    name = isSecure(socket) && socket.authorized ? lastOf(socket.getPeerCertificate().subject?.CN) : ''
    names.set(socket, name)
  }
  return name === '' ? undefined : name
}

function isSecure(socket: object): socket is SecureSocket {
  return 'getPeerCertificate' in socket && 'authorized' in socket
}

/** A subject may hold several names; Go, and so etcd, takes the last. */
function lastOf(names: string | readonly string[] | undefined): string {
  return (typeof names === 'string' ? names : names?.at(-1)) ?? ''
}
