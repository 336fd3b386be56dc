/** What containers say of themselves, by registrator's rules. */
import { describe, expect, test } from 'vitest'
import type { Container } from '../../src/sidecar/engine/container.ts'
import { type ContainerRules, servicesOf } from '../../src/sidecar/engine/metadata.ts'

const RULES: ContainerRules = {
  ...{ hostName: 'h1', ip: '', ownAddress: '10.0.0.5', internal: false, explicit: false, ipLabel: '', tags: '' },
  ...{ checkDefault: undefined, deregisterAfter: undefined, allowsCommands: false },
}

interface Given {
  readonly env?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly ports?: NonNullable<NonNullable<Container['NetworkSettings']>['Ports']>
  readonly exposed?: readonly string[]
  readonly image?: string
  readonly mode?: string
  readonly health?: string
}

const PUBLISHED = { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '32768' }] }

function container({ env = [], labels = {}, ports = PUBLISHED, exposed, image, mode, health }: Given): Container {
  return {
    Id: 'f'.repeat(64),
    Name: '/web',
    Config: {
      Image: image ?? 'registry:5000/team/nginx:1.2@sha256:abc',
      Env: env,
      Labels: labels,
      ExposedPorts: Object.fromEntries((exposed ?? Object.keys(ports)).map((port) => [port, {}])),
    },
    HostConfig: { NetworkMode: mode ?? 'bridge' },
    NetworkSettings: { IPAddress: '172.17.0.2', Ports: ports, Networks: { net: { IPAddress: '172.18.0.9' } } },
    State: { Running: true, Health: health === undefined ? null : { Status: health } },
  }
}

function services(given: Given, rules: Partial<ContainerRules> = {}, linked?: Container) {
  return servicesOf(container(given), { ...RULES, ...rules }, linked).services
}

describe('names and ids', () => {
  test('are those of image and container when nothing is said', () => {
    expect(services({})).toMatchObject([
      { name: 'nginx', id: 'h1:web:80', host: '10.0.0.5', port: 32_768, exposedPort: 80, tags: [], attrs: {} },
    ])
  })

  test('of several ports have the port behind the name, unless the port has one of its own', () => {
    const ports = { ...PUBLISHED, '443/tcp': [{ HostPort: '32769' }], '53/udp': [{ HostPort: '53' }] }
    const found = services({ ports, env: ['SERVICE_NAME=web', 'SERVICE_443_NAME=secure'] })
    expect(found.map(({ name, id }) => `${name} ${id}`)).toEqual([
      'web-53 h1:web:53:udp',
      'web-80 h1:web:80',
      'secure h1:web:443',
    ])
    expect(found[0]?.tags).toEqual(['udp'])
  })

  test('are what SERVICE_NAME and SERVICE_ID say; a second one of both is left out', () => {
    expect(services({ env: ['SERVICE_NAME=a', 'SERVICE_ID=b'] })).toMatchObject([{ name: 'a', id: 'b' }])
    const ports = { '80/tcp': [{ HostPort: '1' }], '81/tcp': [{ HostPort: '2' }] }
    const env = ['SERVICE_80_NAME=a', 'SERVICE_81_NAME=a', 'SERVICE_ID=b']
    const { services: kept, notes } = servicesOf(container({ ports, env }), RULES, undefined)
    expect(kept).toHaveLength(1)
    expect(notes).toEqual(['left out: port 81 would be a second "b" of "a"'])
  })

  test('environment wins over labels, the port over the whole', () => {
    const given = {
      labels: { SERVICE_NAME: 'label', SERVICE_X: 'l' },
      env: ['SERVICE_NAME=env', 'SERVICE_80_NAME=port', 'SERVICE_443_X=other'],
    }
    expect(services(given)).toMatchObject([{ name: 'port', attrs: { x: 'l' } }])
  })

  test('are needed with -explicit', () => {
    expect(services({}, { explicit: true })).toEqual([])
    expect(services({ env: ['SERVICE_NAME=a'] }, { explicit: true })).toHaveLength(1)
  })
})

describe('metadata', () => {
  test('becomes attributes; tags are split at commas that are not escaped', () => {
    const env = ['SERVICE_TAGS=a,b\\,c', 'SERVICE_REGION=eu', 'SERVICE_CHECK_TTL=x', 'SERVICE_80_ZONE=2', 'OTHER=1']
    expect(services({ env }, { tags: 'all' })).toMatchObject([
      { tags: ['a', 'b,c', 'all'], attrs: { region: 'eu', zone: '2' } },
    ])
  })

  test('takes a container or a port out', () => {
    expect(services({ env: ['SERVICE_IGNORE=true'] })).toEqual([])
    const ports = { ...PUBLISHED, '81/tcp': [{ HostPort: '2' }] }
    expect(services({ ports, env: ['SERVICE_81_IGNORE=1'] }).map(({ id }) => id)).toEqual(['h1:web:80'])
  })
})

describe('addresses', () => {
  test('are those that ports are bound to, or the one that is given', () => {
    const bound = { '80/tcp': [{ HostIp: '10.1.1.1', HostPort: '1' }] }
    expect(services({ ports: bound })).toMatchObject([{ host: '10.1.1.1', port: 1 }])
    expect(services({ ports: bound }, { ip: '9.9.9.9' })).toMatchObject([{ host: '9.9.9.9' }])
  })

  test('of ports that are not published do not exist, but with -internal', () => {
    const ports = { '80/tcp': null }
    expect(services({ ports })).toEqual([])
    expect(services({ ports }, { internal: true })).toMatchObject([{ host: '172.17.0.2', port: 80 }])
    expect(services({ ports, mode: 'net' }, { internal: true })).toMatchObject([{ host: '172.18.0.9' }])
  })

  test('come from a label, without its mask', () => {
    expect(services({ labels: { ip: '10.7.0.1/24' } }, { ipLabel: 'ip' })).toMatchObject([{ host: '10.7.0.1' }])
    expect(services({}, { ipLabel: 'ip' })).toMatchObject([{ host: '10.0.0.5' }])
  })

  test("are the host's on its network, and another container's on that one's", () => {
    expect(services({ ports: {}, exposed: ['80/tcp'], mode: 'host' })).toMatchObject([{ host: '10.0.0.5', port: 80 }])
    const given = { ports: {}, exposed: ['80/tcp'], mode: 'container:other' }
    expect(services(given, {}, container({}))).toMatchObject([{ host: '172.17.0.2', port: 80 }])
  })
})

describe('checks', () => {
  test('are paths at the address that is announced, with times as Go writes them', () => {
    const env = [
      'SERVICE_CHECK_HTTP=/health',
      'SERVICE_CHECK_INTERVAL=1m30s',
      'SERVICE_CHECK_TIMEOUT=500ms',
      'SERVICE_CHECK_DEREGISTER_AFTER=10m',
    ]
    expect(services({ env })).toMatchObject([
      {
        check: { http: 'http://10.0.0.5:32768/health', interval: 90, timeout: 0.5, deregisterAfter: 600 },
        checkedElsewhere: false,
      },
    ])
    expect(services({ env: ['SERVICE_80_CHECK_TCP=true'] })).toMatchObject([{ check: { tcp: 'true' } }])
    expect(services({ env: ['SERVICE_CHECK_HTTPS=x'] })).toMatchObject([
      { check: { http: 'https://10.0.0.5:32768/x' } },
    ])
  })

  test('by commands run only where that is allowed', () => {
    const env = ['SERVICE_CHECK_CMD=probe $SERVICE_IP $SERVICE_PORT']
    expect(services({ env })[0]?.check).toBeUndefined()
    expect(services({ env }, { allowsCommands: true })).toMatchObject([{ check: { cmd: 'probe 10.0.0.5 32768' } }])
  })

  test('of its own come before HEALTHCHECK, and that before the one for all', () => {
    expect(services({ health: 'healthy' }, { checkDefault: { tcp: true } })).toMatchObject([{ checkedElsewhere: true }])
    expect(services({ health: 'healthy' }, { checkDefault: { tcp: true } })[0]?.check).toBeUndefined()
    expect(services({}, { checkDefault: { tcp: true } })).toMatchObject([
      { check: { tcp: true }, checkedElsewhere: false },
    ])
    const own = { health: 'healthy', env: ['SERVICE_CHECK_TCP=true'] }
    expect(services(own)).toMatchObject([{ check: { tcp: 'true' }, checkedElsewhere: false }])
  })

  test('for all are not for UDP, where nobody would answer, unless they look elsewhere', () => {
    const ports = { '53/udp': [{ HostPort: '53' }] }
    for (const checkDefault of [{ tcp: true }, { http: '/health' }])
      expect(services({ ports }, { checkDefault })[0]?.check).toBeUndefined()
    const elsewhere = { http: 'http://127.0.0.1:8080/health' }
    expect(services({ ports }, { checkDefault: elsewhere })).toMatchObject([{ check: elsewhere }])
  })

  test('end an instance that was critical for too long, after the time for all or their own', () => {
    const rules = { checkDefault: { tcp: true }, deregisterAfter: 60 }
    expect(services({}, rules)).toMatchObject([{ check: { tcp: true, deregisterAfter: 60 } }])
    const env = ['SERVICE_CHECK_HTTP=/']
    expect(services({ env }, rules)).toMatchObject([{ check: { deregisterAfter: 60 } }])
    env.push('SERVICE_CHECK_DEREGISTER_AFTER=5m')
    expect(services({ env }, rules)).toMatchObject([{ check: { deregisterAfter: 300 } }])
  })

  test('cannot keep the agent busy: their times have bounds', () => {
    const env = ['SERVICE_CHECK_TCP=true', 'SERVICE_CHECK_INTERVAL=10ms', 'SERVICE_CHECK_TIMEOUT=24h']
    const { services: kept, notes } = servicesOf(container({ env }), RULES, undefined)
    expect(kept).toMatchObject([{ check: { interval: 1, timeout: 60 } }])
    expect(notes).toEqual(['check_interval is 0.01 s: taking 1 s', 'check_timeout is 86400 s: taking 60 s'])
  })
})
