/**
 * The layouts `registrator` and `json`: how an instance stands below the directory of services, and how it is read back.
 *
 * `<prefix>/<service>/<id>` holds `ip:port`, which every tool of the v2 era reads, or the JSON record. With `registrator` the
 * record stands apart, at `<prefix>/<service>/_meta/<id>`: hidden, so that old readers never come across it. It is written before
 * the address and removed after it, so an address always has one; an instance without address but with a record is not there
 * for traffic.
 *
 * Owns: both layouts and the reading of either. Leaves to others: fetching keys, following changes (discover).
 */
import { formatAddress, parseAddress } from '../names.ts'
import { isRoutable, makeInstance, parseRecord, renderRecord, type ServiceInstance } from '../record.ts'
import type { Layout } from './layout.ts'

/** Name of the hidden directory within a service's that holds the records. */
export const META_NAME = '_meta'

/** Directory of a service. @param prefix of all services, clean. */
export function serviceDirectory(prefix: string, service: string): string {
  return `${prefix === '/' ? '' : prefix}/${service}`
}

/** Hidden directory of a service's records. */
export function metaDirectory(prefix: string, service: string): string {
  return `${serviceDirectory(prefix, service)}/${META_NAME}`
}

export const registratorLayout: Layout = (instance, { prefix }) => {
  const { name, id } = instance
  const path = `${metaDirectory(prefix, name)}/${id}`
  const meta = { path, value: renderRecord(instance), kind: 'own', tells: true } as const
  if (!isRoutable(instance)) return [meta]
  return [meta, { path: `${serviceDirectory(prefix, name)}/${id}`, value: formatAddress(instance), kind: 'own' }]
}

export const jsonLayout: Layout = (instance, { prefix }) => {
  if (!isRoutable(instance)) return []
  const { name, id } = instance
  const path = `${serviceDirectory(prefix, name)}/${id}`
  return [{ path, value: renderRecord(instance), kind: 'own', tells: true }]
}

/**
 * The instance of which these two values tell, of either layout; undefined when none is there to be known.
 *
 * @param value of `<service>/<id>`: an address or a record; undefined when there is no such key.
 * @param meta of `<service>/_meta/<id>`; undefined when there is none, as with registrator itself and the layout `json`.
 *
 * A record without address is `critical` or `draining` on purpose; any other has lost its address or is about to get it, and counts
 * as not there. An address wins over a record that names another: it is what others are routed to.
 */
export function readInstance(
  service: string,
  id: string,
  value: string | undefined,
  meta: string | undefined,
): ServiceInstance | undefined {
  const told = meta === undefined ? undefined : parseRecord(service, id, meta)
  if (value === undefined) return told === undefined || isRoutable(told) ? undefined : told
  const address = parseAddress(value)
  if (address === undefined) return parseRecord(service, id, value)
  if (told !== undefined) return { ...told, ...address }
  return makeInstance({ name: service, id, ...address, ttl: 0 })
}
