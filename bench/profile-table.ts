/** A CPU profile as text: the functions with the most time of their own, and the sums by file and package. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The part of V8's profile that is read. Times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly children?: readonly number[]
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
  }[]
  /** Node of each sample, and the time since the sample before. */
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const IDLE = '(idle)'

/** Renders the `top` functions and files. Shares are of the time in which the thread was not idle. */
export function renderProfile(profile: CpuProfile, root: string, top: number): string {
  const selfMicros = new Map<number, number>()
  profile.samples.forEach((id, at) => {
    selfMicros.set(id, (selfMicros.get(id) ?? 0) + Math.max(0, profile.timeDeltas[at + 1] ?? 0))
  })
  const callers = new Map<number, string>()
  for (const { children, callFrame } of profile.nodes) {
    for (const child of children ?? []) callers.set(child, nameOf(callFrame, root))
  }
  const functions = new Map<string, number>()
  const files = new Map<string, number>()
  let idle = 0
  let busy = 0
  for (const { id, callFrame } of profile.nodes) {
    const micros = selfMicros.get(id) ?? 0
    if (callFrame.functionName === IDLE) {
      idle += micros
      continue
    }
    busy += micros
    const place = placeOf(callFrame.url, root)
    const name = nameOf(callFrame, root)
    // What is built in has no place of its own: who called it says more.
    const label = place === '' && !name.startsWith('(') ? `${name}  called by ${callers.get(id) ?? '?'}` : name
    functions.set(label, (functions.get(label) ?? 0) + micros)
    const file = place === '' ? `built in: ${name}` : groupOf(place)
    files.set(file, (files.get(file) ?? 0) + micros)
  }
  const share = ((100 * busy) / Math.max(1, busy + idle)).toFixed(0)
  return [
    `the thread was busy for ${share} % of ${((busy + idle) / 1e6).toFixed(1)} s`,
    '\nown time by function',
    ...ranked(functions, busy, top),
    '\nown time by file or package',
    ...ranked(files, busy, top),
  ].join('\n')
}

function ranked(sums: ReadonlyMap<string, number>, total: number, top: number): readonly string[] {
  const sorted = [...sums].sort(([, a], [, b]) => b - a).slice(0, top)
  return sorted.map(([name, micros]) => {
    const percent = ((100 * micros) / Math.max(1, total)).toFixed(1)
    return `${percent.padStart(6)} %  ${(micros / 1000).toFixed(0).padStart(6)} ms  ${name}`
  })
}

type CallFrame = CpuProfile['nodes'][number]['callFrame']

/** `name  place:line`; `name` for what is built in, and V8's own `(program)` and the like as they are. */
function nameOf({ functionName, url, lineNumber }: CallFrame, root: string): string {
  const name = functionName === '' ? 'anonymous' : functionName
  return url === '' ? name : `${name}  ${placeOf(url, root)}:${lineNumber + 1}`
}

function placeOf(url: string, root: string): string {
  return url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url
}

/** Files of ours stay files; those of a package or of Node.js are summed up. */
function groupOf(place: string): string {
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(place)
  if (inPackage !== null) return `package ${inPackage[1]}`
  return place.startsWith('node:') ? `Node.js ${place}` : place
}
