/**
 * Options of the cluster: who its members are and how they reach each other.
 */
import type { Option } from '../option.ts'

export const CLUSTER_ROWS = {
  listenPeerUrls: {
    flag: 'listen-peer-urls',
    kind: 'urls',
    group: 'Cluster',
    placeholder: 'URLS',
    fallback: 'http://localhost:2380',
    fallbackNote: 'http://localhost:2380, and http://localhost:7001 when that port is free',
    scope: 'member',
    help: 'Where the other members are heard: a comma-separated list of http://ADDRESS:PORT with an IP address or localhost.',
  },
  initialAdvertisePeerUrls: {
    flag: 'initial-advertise-peer-urls',
    kind: 'urls',
    group: 'Cluster',
    placeholder: 'URLS',
    fallback: 'http://localhost:2380',
    scope: 'member',
    help: 'The URLs under which the other members reach this one. They must equal what --initial-cluster says of it.',
  },
  initialCluster: {
    flag: 'initial-cluster',
    kind: 'cluster',
    group: 'Cluster',
    placeholder: 'NAME=URL,…',
    fallback: '',
    fallbackNote: 'NAME=URL for each of the --initial-advertise-peer-urls',
    scope: 'member',
    help: 'All first members with their peer URLs; a name is repeated for each of its URLs. Ignored once there is data.',
  },
  initialClusterState: {
    flag: 'initial-cluster-state',
    kind: 'choice',
    group: 'Cluster',
    placeholder: 'STATE',
    fallback: 'new',
    choices: ['new', 'existing'],
    scope: 'member',
    help: 'Whether a member without data starts a new cluster or joins one that exists.',
  },
  initialClusterToken: {
    flag: 'initial-cluster-token',
    kind: 'text',
    group: 'Cluster',
    placeholder: 'TOKEN',
    fallback: 'etcd-cluster',
    scope: 'cluster',
    help: 'Enters the ids of cluster and members, so that clusters with equal URLs are never taken for each other.',
  },
  strictReconfigCheck: {
    flag: 'strict-reconfig-check',
    kind: 'switch',
    group: 'Cluster',
    placeholder: 'BOOL',
    fallback: 'true',
    scope: 'member',
    help: 'Whether a change of the members that would cost the cluster its quorum is refused.',
  },
  forceNewCluster: {
    flag: 'force-new-cluster',
    kind: 'switch',
    group: 'Cluster',
    placeholder: 'BOOL',
    fallback: 'false',
    scope: 'member',
    help: 'Makes a cluster of this member alone from the data that it has, when the majority is lost for good. For one start only.',
  },
} as const satisfies Readonly<Record<string, Option>>
