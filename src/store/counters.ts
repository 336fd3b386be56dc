/**
 * The counters of `/v2/stats/store`.
 *
 * Owns: which outcome moves which counter, quirks included (API page, 8; upstream counts some refusals as successes).
 * Leaves to others: keeping them (rows.ts), the auth flag's phantom reads (not copied).
 */
import { ErrorCode, type StoreStatsJson } from '../api.ts'
import type { Command } from './command.ts'
import type { Outcome } from './outcome.ts'
import type { Counters } from './rows.ts'

/** Commands that are answered. */
type Answered = Extract<Command['kind'], 'set' | 'create' | 'update' | 'compareAndSwap' | 'delete' | 'compareAndDelete'>

/** Counts the outcome of a command. */
export function countOutcome(counters: Counters, kind: Answered, outcome: Outcome): void {
  const success = outcome.ok || countsAsSuccess(kind, outcome.code)
  switch (kind) {
    case 'set':
      if (success) counters.setsSuccess += 1
      else counters.setsFail += 1
      return
    case 'create':
      if (success) counters.createSuccess += 1
      else counters.createFail += 1
      if (!outcome.ok && outcome.code === ErrorCode.notDirectory) counters.setsFail += 1
      return
    case 'update':
      if (success) counters.updateSuccess += 1
      else counters.updateFail += 1
      return
    case 'compareAndSwap':
      if (success) counters.compareAndSwapSuccess += 1
      else counters.compareAndSwapFail += 1
      return
    case 'delete':
      if (success) counters.deleteSuccess += 1
      else counters.deleteFail += 1
      return
    case 'compareAndDelete':
      if (success) counters.compareAndDeleteSuccess += 1
      else counters.compareAndDeleteFail += 1
      return
  }
}

/** The body of `/v2/stats/store`, in wire order. */
export function statsJson(counters: Counters, watchers: number): StoreStatsJson {
  return { ...counters, watchers }
}

function countsAsSuccess(kind: Answered, code: ErrorCode): boolean {
  switch (kind) {
    case 'delete':
    case 'compareAndSwap':
      return code === ErrorCode.rootReadOnly
    case 'update':
      return code === ErrorCode.rootReadOnly || code === ErrorCode.notFile
    case 'compareAndDelete':
      return code === ErrorCode.compareFailed || code === ErrorCode.notFile
    default:
      return false
  }
}
