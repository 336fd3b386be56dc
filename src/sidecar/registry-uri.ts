/**
 * Registrator's name for a store: `etcd://host:port,host:port/prefix`.
 *
 * Owns: reading it into endpoints, layout and place. `etcds` and `skydns2s` ask with TLS.
 */
import type { LayoutName } from './layouts/layout.ts'
import { RegisterError } from './register-error.ts'

export interface Registry {
  readonly layout: LayoutName
  /** Client URLs. Empty: as configured elsewhere. */
  readonly endpoints: readonly string[]
  /** Of services; undefined: the default. */
  readonly prefix: string | undefined
  /** Of SkyDNS; undefined: the default. */
  readonly domain: string | undefined
}

const SCHEMES: Readonly<Record<string, { readonly layout: LayoutName; readonly scheme: string }>> = {
  etcd: { layout: 'registrator', scheme: 'http' },
  etcds: { layout: 'registrator', scheme: 'https' },
  skydns2: { layout: 'skydns2', scheme: 'http' },
  skydns2s: { layout: 'skydns2', scheme: 'https' },
}

/** @throws RegisterError `MUSTER_REGISTER_BAD_SETTINGS` */
export function parseRegistry(text: string): Registry {
  const match = /^([a-z0-9]+):\/\/([^/?#]*)(\/[^?#]*)?$/.exec(text)
  const known = SCHEMES[match?.[1] ?? '']
  if (match === null || known === undefined) {
    const schemes = Object.keys(SCHEMES).map((scheme) => `${scheme}://`)
    throw new RegisterError(
      'MUSTER_REGISTER_BAD_SETTINGS',
      `"${text}" is no registry: expected HOST:PORT/PREFIX after one of ${schemes.join(', ')}`,
    )
  }
  const path = (match[3] ?? '').replace(/\/+$/, '')
  const hosts = (match[2] ?? '').split(',').filter((host) => host !== '')
  const isDomain = known.layout === 'skydns2'
  return {
    layout: known.layout,
    endpoints: hosts.map((host) => `${known.scheme}://${/:\d+$/.test(host) ? host : `${host}:2379`}`),
    prefix: isDomain || path === '' ? undefined : path,
    domain: isDomain && path !== '' ? path.slice(1) : undefined,
  }
}
