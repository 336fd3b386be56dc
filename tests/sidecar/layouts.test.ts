/** The keys of each layout, and reading them back. */
import { describe, expect, test } from 'vitest'
import { keysOf, parseLayouts } from '../../src/sidecar/layouts/keys.ts'
import type { LayoutName } from '../../src/sidecar/layouts/layout.ts'
import { readInstance } from '../../src/sidecar/layouts/services.ts'
import { makeInstance, renderRecord, type ServiceInstance } from '../../src/sidecar/record.ts'

const place = { prefix: '/services', domain: 'Cluster.Local', exposedPort: 80 }
const api = makeInstance({ name: 'api', id: 'web1:api:80', host: '10.0.0.5', port: 32_768, ttl: 30 })

function shown(instance: ServiceInstance, ...layouts: readonly LayoutName[]): readonly string[] {
  return keysOf(instance, layouts, place).map(({ path, value, kind }) => `${kind} ${path} ${value}`)
}

describe('keys', () => {
  test('registrator: the record before the address, hidden beside it', () => {
    expect(shown(api, 'registrator')).toEqual([
      `own /services/api/_meta/web1:api:80 ${renderRecord(api)}`,
      'own /services/api/web1:api:80 10.0.0.5:32768',
    ])
  })

  test.each(['critical', 'draining'] as const)('registrator: a %s instance keeps its record alone', (status) => {
    const paths = keysOf({ ...api, status }, ['registrator'], place).map(({ path }) => path)
    expect(paths).toEqual(['/services/api/_meta/web1:api:80'])
  })

  test('json: the record at the place of the address', () => {
    expect(shown(api, 'json')).toEqual([`own /services/api/web1:api:80 ${renderRecord(api)}`])
  })

  test('skydns2: labels of DNS below the reversed domain', () => {
    expect(shown(api, 'skydns2')).toEqual([`own /skydns/local/cluster/api/web1-api-80 ${renderRecord(api)}`])
  })

  test('skydns2: long ids become labels of at most 63 characters that differ', () => {
    const label = (id: string): string =>
      keysOf({ ...api, id }, ['skydns2'], place)[0]
        ?.path.split('/')
        .at(-1) ?? ''
    const [a, b] = [label(`${'x'.repeat(80)}:1`), label(`${'x'.repeat(80)}:2`)]
    expect(a).not.toBe(b)
    expect(a).toMatch(/^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/)
    expect(label(':::')).toMatch(/^[a-z0-9]+$/)
  })

  test('backends: the exposed port for all, twelve characters for each', () => {
    expect(shown(api, 'backends')).toEqual([
      'common /backends/api/port 80',
      expect.stringMatching(/^own \/backends\/api\/[0-9a-f]{12} 10\.0\.0\.5:32768$/),
    ])
  })

  test('vulcand: a backend that is left alone, a server that is ours', () => {
    expect(shown(api, 'vulcand')).toEqual([
      'shared /vulcand/backends/api/backend {"Type":"http"}',
      'own /vulcand/backends/api/servers/web1:api:80 {"URL":"http://10.0.0.5:32768"}',
    ])
  })

  test('traefik1: one directory that lives and goes as a whole', () => {
    expect(shown({ ...api, host: '::1', attrs: { scheme: 'https' } }, 'traefik1')).toEqual([
      'directory /traefik/backends/api/servers/web1:api:80 ',
      'inside /traefik/backends/api/servers/web1:api:80/weight 100',
      'inside /traefik/backends/api/servers/web1:api:80/url https://[::1]:32768',
    ])
  })

  test('an instance that is not well has no address in any layout', () => {
    const all: readonly LayoutName[] = ['json', 'skydns2', 'backends', 'vulcand', 'traefik1']
    expect(keysOf({ ...api, status: 'critical' }, all, place)).toEqual([])
  })

  test('layouts are combined, and named with care', () => {
    expect(parseLayouts('registrator, skydns2,registrator')).toEqual(['registrator', 'skydns2'])
    expect(() => parseLayouts('consul')).toThrow(/expected some of registrator/)
    expect(() => parseLayouts('toString')).toThrow(/no layout/)
    expect(() => parseLayouts('json,registrator')).toThrow(/same keys/)
  })
})

describe('reading back', () => {
  const meta = renderRecord({ ...api, tags: ['v2'] })

  test('an address with its record', () => {
    expect(readInstance('api', api.id, '10.0.0.5:32768', meta)).toEqual({ ...api, tags: ['v2'] })
  })

  test('an address that somebody else wrote, without a record, passes', () => {
    const read = readInstance('api', 'x', '[::1]:80', undefined)
    expect(read).toMatchObject({ host: '::1', port: 80, status: 'passing' })
  })

  test('an address wins over the one in its record', () => {
    expect(readInstance('api', api.id, '10.0.0.9:1', meta)).toMatchObject({ host: '10.0.0.9', port: 1, tags: ['v2'] })
  })

  test('a record of layout json', () => {
    expect(readInstance('api', api.id, renderRecord(api), undefined)).toEqual(api)
  })

  test('a record without address counts only when it says that it is not for traffic', () => {
    expect(readInstance('api', api.id, undefined, meta)).toBeUndefined()
    expect(readInstance('api', api.id, undefined, renderRecord({ ...api, status: 'draining' }))?.status).toBe(
      'draining',
    )
  })

  test('nothing that tells of an instance is none', () => {
    expect(readInstance('api', 'x', undefined, undefined)).toBeUndefined()
    expect(readInstance('api', 'x', 'hello', undefined)).toBeUndefined()
    expect(readInstance('api', 'x', '10.0.0.1:80', 'broken')).toMatchObject({ host: '10.0.0.1', port: 80 })
  })
})
