/**
 * Options of finding the other members at the first start, other than by `--initial-cluster`.
 */
import type { Option } from '../option.ts'

export const DISCOVERY_ROWS = {
  discovery: {
    flag: 'discovery',
    kind: 'text',
    group: 'Discovery',
    placeholder: 'URL',
    fallback: '',
    scope: 'member',
    help: 'The URL of a discovery token, /v2/keys/_etcd/registry/TOKEN of some etcd or muster, where first members find each other. Ignored once there is data.',
  },
  discoveryFallback: {
    flag: 'discovery-fallback',
    kind: 'choice',
    group: 'Discovery',
    placeholder: 'WHAT',
    fallback: 'proxy',
    choices: ['proxy', 'exit'],
    scope: 'member',
    help: 'What to do when the cluster of --discovery is full already: become a proxy for it, or end.',
  },
  discoveryProxy: {
    flag: 'discovery-proxy',
    kind: 'text',
    group: 'Discovery',
    placeholder: 'URL',
    fallback: '',
    scope: 'member',
    help: 'An HTTP proxy through which the URL of --discovery is reached.',
  },
  discoverySrv: {
    flag: 'discovery-srv',
    kind: 'text',
    group: 'Discovery',
    placeholder: 'DOMAIN',
    fallback: '',
    scope: 'member',
    help: 'The DNS domain whose SRV records _etcd-server._tcp and _etcd-server-ssl._tcp name the first members. Ignored once there is data.',
  },
  discoverySrvName: {
    flag: 'discovery-srv-name',
    kind: 'text',
    group: 'Discovery',
    placeholder: 'SUFFIX',
    fallback: '',
    scope: 'member',
    help: 'Appended with a hyphen to the service names that --discovery-srv asks for.',
  },
} as const satisfies Readonly<Record<string, Option>>
