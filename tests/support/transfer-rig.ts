/**
 * One member in memory behind the true HTTP server, as the target of a transfer, and trees that a test writes down.
 */
import { onTestFinished } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { HiddenPlaces } from '../../src/transfer/hidden.ts'
import type { ImportOptions } from '../../src/transfer/import.ts'
import { LiveTree } from '../../src/transfer/live-tree.ts'
import { Patience } from '../../src/transfer/patience.ts'
import { Steering } from '../../src/transfer/steering.ts'
import { Target } from '../../src/transfer/target.ts'
import { PathMap, type Tree, type TreeNode } from '../../src/transfer/tree.ts'
import { type HttpMember, startHttp } from './http-member.ts'

export interface TransferRig {
  readonly http: HttpMember
  readonly url: string
  readonly client: MusterClient
  readonly target: Target
  readonly targetTree: LiveTree
  readonly over: AbortController
  /** Every node as text, hidden ones too, sorted. */
  show(): Promise<readonly string[]>
}

export async function startTransferRig(paths = new PathMap('/', '/')): Promise<TransferRig> {
  const http = await startHttp()
  const url = `http://127.0.0.1:${http.port}`
  const client = new MusterClient({ endpoints: [url] })
  const over = new AbortController()
  onTestFinished(async () => {
    over.abort()
    await client.close()
    await http.close()
  })
  const patience = new Patience('target', 1_000, over.signal, () => undefined)
  const hidden = new HiddenPlaces([], '/')
  const targetTree = new LiveTree({ client, paths, side: 'target', listsHidden: true, hidden, patience })
  const target = new Target(client, patience)
  const show = async (): Promise<readonly string[]> => {
    const shown: string[] = []
    const { nodes } = await client.list('/', { hidden: true })
    for await (const batch of nodes) shown.push(...batch.filter(({ path }) => path !== '/').map(textOf))
    return shown.sort()
  }
  return { http, url, client, target, targetTree, over, show }
}

/** Options of a whole import from one rig into another: both list hidden keys, nothing is said to anybody. */
export function importOptions(
  source: TransferRig,
  target: TransferRig,
  options: Partial<ImportOptions> = {},
): ImportOptions {
  const over = new AbortController()
  onTestFinished(() => over.abort())
  return {
    source: source.client,
    target: target.client,
    paths: new PathMap('/', '/'),
    sourceListsHidden: true,
    targetListsHidden: true,
    hiddenPaths: [],
    mirror: false,
    concurrency: 4,
    patienceMs: 500,
    quietMs: 50,
    steering: new Steering('now'),
    report: { phase: () => undefined, note: () => undefined },
    signal: over.signal,
    ...options,
  }
}

/** `/a=x`, `/d/`, with `+9` for a TTL. */
export function textOf({ path, dir, value, ttlSeconds }: TreeNode): string {
  return `${path}${dir ? '/' : `=${value}`}${ttlSeconds === undefined ? '' : `+${ttlSeconds}`}`
}

/** The other way: a tree from such texts, which stand in the order in which they are listed. */
export function treeOf(...texts: readonly string[]): Tree {
  const nodes = texts.map((text): TreeNode => {
    const [, path = '', kind, value = '', ttl] = /^([^=+]*?)(?:(\/)|=([^+]*))(?:\+(-?\d+))?$/.exec(text) ?? []
    return { path, dir: kind === '/', value, ttlSeconds: ttl === undefined ? undefined : Number(ttl) }
  })
  return {
    list: async () => ({
      index: 1,
      clusterId: '',
      nodes: (async function* () {
        yield nodes
      })(),
    }),
  }
}
