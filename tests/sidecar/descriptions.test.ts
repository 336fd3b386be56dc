/** How services and settings are described: files, URIs, times, defaults. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { secondsOf } from '../../src/sidecar/durations.ts'
import { parseRegistry } from '../../src/sidecar/registry-uri.ts'
import { settleService } from '../../src/sidecar/service.ts'
import { readServices } from '../../src/sidecar/services-file.ts'
import { settleAnnouncing } from '../../src/sidecar/settings.ts'
import { scratchDir } from '../support/scratch.ts'

async function read(name: string, text: string) {
  const path = join(await scratchDir(), name)
  await writeFile(path, text)
  return readServices(path, 30, 'h1')
}

describe('a file of services', () => {
  const full = {
    ...{
      name: 'Web',
      port: 80,
      host: '10.0.0.1',
      tags: ['a'],
      attrs: { region: 'eu', shard: 2 },
      weight: 5,
      priority: 1,
    },
    check: {
      http: '/health',
      interval: '5s',
      timeout: 1,
      rise: 2,
      fall: 3,
      'initial-status': 'passing',
      deregisterAfter: '1m',
    },
  }

  test.each([
    ['services.json', JSON.stringify({ services: [full] })],
    ['services.yaml', JSON.stringify([full])],
    [
      'services.toml',
      '[[services]]\nname="Web"\nport=80\nhost="10.0.0.1"\ntags=["a"]\nattrs={region="eu",shard=2}\nweight=5\npriority=1\n' +
        '[services.check]\nhttp="/health"\ninterval="5s"\ntimeout=1\nrise=2\nfall=3\n"initial-status"="passing"\nderegisterAfter="1m"\n',
    ],
  ])('is taken: %s', async (name, text) => {
    const services = await read(name, text)
    expect(services).toMatchObject([
      {
        instance: {
          name: 'web',
          id: 'h1:web:80',
          host: '10.0.0.1',
          port: 80,
          tags: ['a'],
          attrs: { region: 'eu', shard: '2' },
          weight: 5,
          priority: 1,
        },
        exposedPort: 80,
        check: {
          ...{
            target: { kind: 'http', url: 'http://10.0.0.1:80/health' },
            intervalMs: 5_000,
            timeoutMs: 1_000,
            rise: 2,
            fall: 3,
          },
          ...{ initialStatus: 'passing', deregisterAfterMs: 60_000 },
        },
      },
    ])
  })

  test.each([
    ['services: 7', /list "services"/],
    ['- 7', /no map/],
    ['- {name: a}', /needs a name and a port/],
    ['- {name: a, port: "x"}', /port is no number/],
    ['- {name: a, port: 1, prot: udp}', /no field "prot"/],
    ['- {name: a, port: 1, check: {htp: /}}', /no field "htp"/],
    ['- {name: a, port: 1, check: {http: /, interval: soon}}', /no time/],
    ['- {name: a, port: 1, tags: a}', /no list of texts/],
    ['- {name: _a, port: 1}', /hide/],
    ['- {name: a, port: 1}\n- {name: a, port: 1}', /described twice/],
    ['"', /cannot take/],
  ])('is refused with a reason: %s', async (text, reason) => {
    await expect(read('services.yaml', text)).rejects.toMatchObject({
      code: 'MUSTER_REGISTER_BAD_FILE',
      message: expect.stringMatching(reason),
    })
  })

  test('that is not there is told by its name', async () => {
    await expect(readServices('/no/such/file.yaml', 30)).rejects.toThrow(/"\/no\/such\/file.yaml"/)
  })
})

describe("registrator's URIs", () => {
  test.each([
    ['etcd://10.0.0.1:2379/services', 'registrator', ['http://10.0.0.1:2379'], '/services', undefined],
    ['etcds://a,b:1/x/y/', 'registrator', ['https://a:2379', 'https://b:1'], '/x/y', undefined],
    ['etcd://', 'registrator', [], undefined, undefined],
    ['skydns2://h:1/cluster.local', 'skydns2', ['http://h:1'], undefined, 'cluster.local'],
  ])('%s', (text, layout, endpoints, prefix, domain) => {
    expect(parseRegistry(text)).toEqual({ layout, endpoints, prefix, domain })
  })

  test('of other stores are refused', () => {
    expect(() => parseRegistry('consul://h:1/x')).toThrow(/etcd:\/\//)
  })
})

test('times are seconds, or as Go writes them', () => {
  expect(['15', '1.5', '15s', '1m30s', '500ms', '2h'].map(secondsOf)).toEqual([15, 1.5, 15, 90, 0.5, 7_200])
  expect(['', 's', '1x', '-1', '1 m'].map(secondsOf)).toEqual([undefined, undefined, undefined, undefined, undefined])
})

describe('settings', () => {
  test('have the defaults of the specification', () => {
    expect(settleAnnouncing({})).toEqual({
      ...{
        ttl: 30,
        refreshMs: 10_000,
        resyncMs: 60_000,
        layouts: ['registrator'],
        prefix: '/services',
        domain: 'skydns.local',
      },
    })
    expect(settleAnnouncing({ ttl: 9, resync: 0, prefix: '/a/' })).toMatchObject({
      refreshMs: 3_000,
      resyncMs: Number.POSITIVE_INFINITY,
      prefix: '/a',
    })
  })

  test.each([
    { ttl: 29, refresh: 10 },
    { ttl: 0 },
    { ttl: 1.5 },
    { refresh: 0 },
    { resync: -1 },
    { prefix: 'x' },
    { prefix: '/a/../b' },
  ])('are refused: %j', (options) => {
    expect(() => settleAnnouncing(options)).toThrow(expect.objectContaining({ code: 'MUSTER_REGISTER_BAD_SETTINGS' }))
  })

  test('a service without address and id gets those of this machine', () => {
    const { instance } = settleService({ name: 'dns', port: 53, proto: 'udp' }, 30, 'h1')
    expect(instance.id).toBe('h1:dns:53:udp')
    expect(instance.host).toMatch(/^[0-9a-f.:]+$/)
  })
})
