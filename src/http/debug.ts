/**
 * `/debug/vars`: what this process is and where it stands, in the form of etcd (API page, 9).
 *
 * Owns: the form. Values that only a Go program has are left out; those that are left mean what their names say.
 */
import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { Cors } from './cors.ts'
import { jsonString } from './keys/json.ts'
import type { MemberPort, RaftView } from './ports.ts'
import { route } from './route.ts'
import { send } from './send.ts'

const PROGRESS_STATES = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
} as const satisfies Record<RaftView['progress'][number]['state'], string>

/** What etcd writes where there is no member. */
const NOBODY = '0'

export interface DebugRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
}

/** Registers the route. */
export async function debugRoutes(app: FastifyInstance, { member, cors }: DebugRoutesOptions): Promise<void> {
  const limit = fileDescriptorLimit()
  route(app, '/debug/vars', 'GET', cors, (response, pairs) => {
    const fields = [
      `"cmdline": [${process.argv.map(jsonString).join(',')}]`,
      ...(limit === undefined ? [] : [`"file_descriptor_limit": ${limit}`]),
      `"memstats": ${JSON.stringify(memoryStats())}`,
      `"raft.status": ${JSON.stringify(raftStatus(member))}`,
    ]
    const type = ['Content-Type', 'application/json; charset=utf-8']
    send(response, 200, pairs, type, `{\n${fields.join(',\n')}\n}\n`)
  })
}

/** How many files this process may have open. Undefined where the system does not say, or says "unlimited". */
function fileDescriptorLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined ? undefined : Number(soft)
  } catch {
    // Only Linux has that file.
    return undefined
  }
}

/** Those of Go's `runtime.MemStats` that mean the same here. Bytes. */
function memoryStats(): object {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  return {
    Alloc: heapUsed + external,
    Sys: rss,
    HeapAlloc: heapUsed,
    HeapSys: heapTotal,
    HeapIdle: heapTotal - heapUsed,
    HeapInuse: heapUsed,
  }
}

function raftStatus(member: MemberPort): object {
  const { vote, lastIndex, progress } = member.raftView()
  const { state } = member.selfStats()
  const shown: Record<string, object> = {}
  for (const { id, matchIndex, nextIndex, state: kind } of progress) {
    shown[id] = { match: matchIndex, next: nextIndex, state: PROGRESS_STATES[kind] }
  }
  // A leader of etcd is a follower of its own.
  if (state === 'StateLeader') {
    shown[member.memberId] = { match: lastIndex, next: lastIndex + 1, state: PROGRESS_STATES.replicate }
  }
  return {
    id: member.memberId,
    term: member.raftTerm,
    vote: vote ?? NOBODY,
    commit: member.raftIndex,
    lead: member.leader() ?? NOBODY,
    raftState: state,
    applied: member.appliedIndex,
    progress: Object.fromEntries(Object.entries(shown).sort(([a], [b]) => (a < b ? -1 : 1))),
    leadtransferee: NOBODY,
  }
}
