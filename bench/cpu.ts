/**
 * What processes cost, as the kernel counts it: processor time from /proc/PID/stat, resident memory from /proc/PID/statm.
 * Linux only, like the numbers that the benchmark is compared with.
 */
import { readFileSync } from 'node:fs'

/** Clock ticks a second in /proc; fixed by the kernel's interface on every architecture that Node.js runs on. */
const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096

/** Processor time of all given processes with all their threads, user and system, in microseconds. */
export function cpuMicros(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticksOf(pid), 0) * (1e6 / TICKS_PER_SECOND)
}

/** Resident memory of one process in bytes. */
export function residentBytes(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]
  return Number(pages) * PAGE_BYTES
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The command's name stands in brackets and may hold spaces; utime and stime are the 12th and 13th fields after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
