/**
 * The layout `skydns2`: `/skydns/<domain, reversed>/<service>/<label>` holds the record, from which SkyDNS answers.
 *
 * Owns: the path, and labels that DNS can carry.
 */
import { createHash } from 'node:crypto'
import { isRoutable, renderRecord } from '../record.ts'
import type { Layout } from './layout.ts'

/** Source: RFC 1035, 2.3.4. */
const LABEL_CHARS_MAX = 63
const HASH_CHARS = 8

export const skydns2Layout: Layout = (instance, { domain }) => {
  if (!isRoutable(instance)) return []
  const { name, id } = instance
  const path = `${skydns2Directory(domain, name)}/${label(id)}`
  return [{ path, value: renderRecord(instance), kind: 'own', tells: true }]
}

/** Where the records of a service stand, each under a label. */
export function skydns2Directory(domain: string, service: string): string {
  const parts = domain
    .toLowerCase()
    .split('.')
    .filter((part) => part !== '')
    .reverse()
  return ['/skydns', ...parts.map(label), label(service)].join('/')
}

/** A label of DNS for any text. A long one is cut and told from others by a hash of the whole. */
function label(text: string): string {
  const clean = text
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^-+|-+$/g, '')
  if (clean !== '' && clean.length <= LABEL_CHARS_MAX) return clean
  const hash = createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARS)
  return `${clean.slice(0, LABEL_CHARS_MAX - HASH_CHARS - 1)}-${hash}`.replace(/^-/, '')
}
