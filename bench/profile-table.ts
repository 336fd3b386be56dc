/** A CPU profile as text: the functions with the most time of their own, and the sums by file and package. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The part of V8's profile that is read. Times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
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
    const name = callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName
    const where = place === '' ? '' : `  ${place}:${callFrame.lineNumber + 1}`
    functions.set(name + where, (functions.get(name + where) ?? 0) + micros)
    const file = place === '' ? name : groupOf(place)
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

function placeOf(url: string, root: string): string {
  return url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url
}

/** Files of ours stay files; those of a package or of Node.js are summed up. */
function groupOf(place: string): string {
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(place)
  if (inPackage !== null) return `package ${inPackage[1]}`
  return place.startsWith('node:') ? `Node.js ${place}` : place
}
