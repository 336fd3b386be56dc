/**
 * The layouts `backends` (docker-register), `vulcand` and `traefik1`: what proxies of the v2 era are configured by.
 *
 * Owns: their keys. The trees are those that these programs read by default.
 */
import { createHash } from 'node:crypto'
import { formatAddress } from '../names.ts'
import { isRoutable, type ServiceInstance } from '../record.ts'
import type { Layout } from './layout.ts'

/** Length of an id of docker-register: that of a container's short id. */
const SHORT_ID_CHARS = 12

export const backendsLayout: Layout = (instance, { exposedPort }) => {
  if (!isRoutable(instance)) return []
  const directory = `/backends/${instance.name}`
  const shortId = createHash('sha256').update(instance.id).digest('hex').slice(0, SHORT_ID_CHARS)
  return [
    { path: `${directory}/port`, value: String(exposedPort), kind: 'common' },
    { path: `${directory}/${shortId}`, value: formatAddress(instance), kind: 'own', tells: true },
  ]
}

export const vulcandLayout: Layout = (instance) => {
  if (!isRoutable(instance)) return []
  const directory = `/vulcand/backends/${instance.name}`
  return [
    { path: `${directory}/backend`, value: '{"Type":"http"}', kind: 'shared' },
    {
      path: `${directory}/servers/${instance.id}`,
      value: JSON.stringify({ URL: urlOf(instance) }),
      kind: 'own',
      tells: true,
    },
  ]
}

/** Traefik takes a directory without `url` for a broken server, so the directory is what ends, as a whole. */
export const traefik1Layout: Layout = (instance) => {
  if (!isRoutable(instance)) return []
  const directory = `/traefik/backends/${instance.name}/servers/${instance.id}`
  return [
    { path: directory, value: '', kind: 'directory' },
    { path: `${directory}/weight`, value: String(instance.weight), kind: 'inside' },
    { path: `${directory}/url`, value: urlOf(instance), kind: 'inside', tells: true },
  ]
}

function urlOf(instance: ServiceInstance): string {
  const scheme = instance.attrs['scheme'] ?? 'http'
  return `${/^[a-z][a-z0-9+.-]*$/.test(scheme) ? scheme : 'http'}://${formatAddress(instance)}`
}
