/**
 * Addresses as etcd before 2.0 took them: `-addr HOST:PORT`, `-bind-addr HOST[:PORT]`, and the same for members.
 *
 * Owns: from those to URLs. As in 0.4, who says only where it is to be reached listens on all addresses at that port: inside
 * a container the one it is reached at is somebody else's. An address of loopback stays on loopback.
 */
import type { Setting } from './settings.ts'

interface Side {
  readonly addr: string
  readonly bind: string
  readonly advertise: string
  readonly listen: string
  readonly certFile: string
  readonly port: string
}

const SIDES: readonly Side[] = [
  {
    addr: 'addr',
    bind: 'bind-addr',
    advertise: 'advertise-client-urls',
    listen: 'listen-client-urls',
    certFile: 'cert-file',
    port: '4001',
  },
  {
    addr: 'peer-addr',
    bind: 'peer-bind-addr',
    advertise: 'initial-advertise-peer-urls',
    listen: 'listen-peer-urls',
    certFile: 'peer-cert-file',
    port: '7001',
  },
]

const LOOPBACK = /^(127\.[0-9.]+|localhost|\[::1\])$/
const ANYWHERE = /^(0\.0\.0\.0|\[::\]|)$/

/** Replaces the old settings by new ones, where the new ones were not given. */
export function translateAddresses(settings: Map<string, Setting>): void {
  for (const side of SIDES) {
    const addr = given(settings, side.addr)
    const bind = given(settings, side.bind)
    settings.delete(side.addr)
    settings.delete(side.bind)
    const source = addr ?? bind
    if (source === undefined) continue
    const scheme = settings.has(side.certFile) ? 'https' : 'http'
    const [host, port] = split(addr?.text ?? '', side.port)
    const [bindHost, bindPort] = split(bind?.text ?? '', port)
    const listenHost = bind !== undefined && bindHost !== '' ? bindHost : LOOPBACK.test(host) ? host : '0.0.0.0'
    const advertiseHost = addr !== undefined ? host : ANYWHERE.test(bindHost) ? 'localhost' : bindHost
    const advertise = `${scheme}://${advertiseHost}:${addr !== undefined ? port : bindPort}`
    if (!settings.has(side.advertise)) settings.set(side.advertise, { ...source, text: advertise })
    const listen = `${scheme}://${listenHost}:${bindPort}`
    if (!settings.has(side.listen)) settings.set(side.listen, { ...(bind ?? source), text: listen })
  }
}

/** An empty one asks for nothing. */
function given(settings: ReadonlyMap<string, Setting>, flag: string): Setting | undefined {
  const setting = settings.get(flag)
  return setting?.text === '' ? undefined : setting
}

/** Host and port; a scheme is dropped, and a port that is missing is `port`. */
function split(text: string, port: string): readonly [string, string] {
  const bare = text.replace(/^[a-z]+:\/\//i, '').replace(/\/$/, '')
  const at = bare.lastIndexOf(':')
  return at < 0 || bare.endsWith(']') ? [bare, port] : [bare.slice(0, at), bare.slice(at + 1)]
}
