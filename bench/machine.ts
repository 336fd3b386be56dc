/** What the numbers were measured on: without it they mean nothing. */
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import process from 'node:process'
import type { Contender } from './contenders.ts'
import { generatorName } from './load.ts'

/** The facts, in the order in which they are printed. */
export function describeMachine(contenders: readonly Contender[]): Readonly<Record<string, string>> {
  const [first] = cpus()
  const cores = cpus().length
  const loads = loadavg().map((load) => load.toFixed(2))
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    CPU: `${first?.model.trim() ?? 'unknown'}, ${cores} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `Linux ${release()}, ${distribution()}`,
    'Node.js': process.versions.node,
    load: `${generatorName()} on the same machine; load average before ${loads.join(' ')}`,
    ...Object.fromEntries(contenders.map(({ label, version }) => [label, version])),
  }
}

function distribution(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}
