/** The record of an instance, names and addresses. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatAddress, instanceId, parseAddress, serviceName } from '../../src/sidecar/names.ts'
import { makeInstance, parseRecord, renderRecord, type ServiceInstance } from '../../src/sidecar/record.ts'

const plain = { name: 'api', id: 'web1:api:80', host: '10.0.0.5', port: 32_768, ttl: 30 }

const instances: fc.Arbitrary<ServiceInstance> = fc.record({
  name: fc.constant('api'),
  id: fc.constant('i'),
  host: fc.constantFrom('10.0.0.5', '::1', 'host.example'),
  port: fc.integer({ min: 1, max: 65_535 }),
  proto: fc.constantFrom('tcp', 'udp'),
  tags: fc.array(fc.string(), { maxLength: 5 }),
  attrs: fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    fc.string(),
    { maxKeys: 5 },
  ),
  status: fc.constantFrom('passing', 'warning', 'critical', 'draining'),
  since: fc.constantFrom('', '2030-01-01T00:00:00Z'),
  weight: fc.integer({ min: 0, max: 65_535 }),
  priority: fc.integer({ min: 0, max: 65_535 }),
  text: fc.string(),
  ttl: fc.integer({ min: 1, max: 1000 }),
  agent: fc.string(),
})

describe('a record', () => {
  test('reads back as it was written', () => {
    fc.assert(
      fc.property(instances, (instance) => {
        expect(parseRecord('api', 'i', renderRecord(instance))).toEqual({ ...instance, attrs: { ...instance.attrs } })
      }),
    )
  })

  test('has the fields of a SkyDNS record, and those of the specification, in one order', () => {
    const text = renderRecord(makeInstance({ ...plain, tags: ['v2', 'eu'], attrs: { region: 'eu' } }))
    expect(text).toBe(
      '{"host":"10.0.0.5","port":32768,"priority":10,"weight":100,"text":"","ttl":30,"id":"web1:api:80","name":"api",' +
        '"proto":"tcp","tags":["v2","eu"],"attrs":{"region":"eu"},"status":"passing","since":"","agent":"","v":1}',
    )
  })

  test('is read with unknown fields, without optional ones, and with nonsense in them', () => {
    const read = parseRecord(
      'api',
      'x',
      '{"host":"h","port":1,"new":{"a":1},"tags":[1,"a"],"attrs":{"b":2,"c":"d"},"weight":-1}',
    )
    expect(read).toMatchObject({
      name: 'api',
      id: 'x',
      host: 'h',
      port: 1,
      tags: ['a'],
      attrs: { c: 'd' },
      weight: 100,
      status: 'passing',
    })
  })

  test.each(['', 'x', '[]', 'null', '{}', '{"host":"","port":1}', '{"host":"h","port":0}', '{"host":"h","port":"80"}'])(
    'is none: %s',
    (text) => expect(parseRecord('api', 'x', text)).toBeUndefined(),
  )

  test('that is too large is neither made nor read', () => {
    const attrs = { a: 'x'.repeat(70_000) }
    expect(() => makeInstance({ ...plain, attrs })).toThrow(/longer than/)
    expect(parseRecord('api', 'x', JSON.stringify({ ...plain, attrs }))).toBeUndefined()
  })

  test('has bounds', () => {
    expect(() => makeInstance({ ...plain, port: 0 })).toThrow(/no port/)
    expect(() => makeInstance({ ...plain, host: 'a b' })).toThrow(/no host/)
    expect(() => makeInstance({ ...plain, weight: 1.5 })).toThrow(/weight/)
    expect(() => makeInstance({ ...plain, tags: new Array(257).fill('t') })).toThrow(/tags/)
  })
})

describe('names', () => {
  test('of services are in lower case without odd characters', () => {
    expect(serviceName('My App/2')).toBe('my-app-2')
  })

  test.each(['', '_hidden', '.', '..', 'x'.repeat(300)])('of services cannot be "%s"', (name) => {
    expect(() => serviceName(name)).toThrow(expect.objectContaining({ code: 'MUSTER_REGISTER_BAD_INSTANCE' }))
  })

  test.each(['a/b', '_a', '', 'a\nb'])('of instances cannot be "%s"', (id) => {
    expect(() => instanceId(id)).toThrow(expect.objectContaining({ code: 'MUSTER_REGISTER_BAD_INSTANCE' }))
  })

  test.each(['10.0.0.1:80', '[::1]:8080', 'host.example:1'])('an address comes back: %s', (text) => {
    expect(formatAddress(parseAddress(text) ?? { host: '', port: 0 })).toBe(text)
  })

  test.each(['', 'host', 'host:0', 'host:65536', '::1:80', 'a/b:80', ':80'])('an address is none: %s', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })
})
