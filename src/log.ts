/**
 * The log of a process: levels, and the two forms of a line.
 *
 * Owns: the pino instance and the pretty form. Leaves to others: getting lines out (`log-writer.ts`), what is worth a line.
 */
import pino from 'pino'
import { LogWriter } from './log-writer.ts'

const COLOURS: Readonly<Record<number, string>> = { 20: '90', 30: '36', 40: '33', 50: '31', 60: '31;1' }
/** Fields that the pretty form shows in another way, or not at all. */
const HIDDEN_FIELDS: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'msg'])

export interface LogOptions {
  readonly level: string
  readonly format: 'pretty' | 'json'
  /** File descriptor; 2 is standard error. */
  readonly descriptor: number
  /** Whether the pretty form may use colours. */
  readonly colours: boolean
}

/** A log, and a way to have everything written before the process ends. */
export interface ProcessLog {
  readonly log: pino.Logger
  /** Resolves when all lines are written, or when their reader has had time enough. */
  flush(): Promise<void>
}

export function createLog({ level, format, descriptor, colours }: LogOptions): ProcessLog {
  const writer = new LogWriter(descriptor)
  const pretty = { write: (line: string) => writer.write(prettyLine(line, colours)) }
  return { log: pino({ level }, format === 'json' ? writer : pretty), flush: () => writer.flush() }
}

/** One JSON line of pino as `TIME LEVEL message field=value …`. */
export function prettyLine(json: string, colours: boolean): string {
  const record = JSON.parse(json) as Record<string, unknown>
  const level = Number(record['level'])
  const label = (pino.levels.labels[level] ?? String(level)).padEnd(5)
  const fields = Object.entries(record)
    .filter(([name]) => !HIDDEN_FIELDS.has(name))
    .map(([name, value]) => ` ${name}=${fieldText(value)}`)
  const time = new Date(Number(record['time'])).toISOString()
  const painted = colours ? `\u001b[${COLOURS[level] ?? '0'}m${label}\u001b[0m` : label
  return `${time} ${painted} ${String(record['msg'] ?? '')}${fields.join('')}\n`
}

/** Bare when that is unambiguous; an error by its stack when it has one, since that is what one looks for. */
function fieldText(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  if (typeof value === 'object' && value !== null && 'stack' in value) return String(value.stack)
  return JSON.stringify(value)
}
