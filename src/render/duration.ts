/**
 * Durations as texts, as Go and consul-template write them: `500ms`, `2s`, `1m30s`; `min:max` of a pause.
 */

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
/** How much longer than the shortest pause the longest is, where only one is given: consul-template's. */
const WAIT_RATIO = 4

/** How long to wait for quiet after a change, and for how long at most. Milliseconds. */
export interface Wait {
  readonly minMs: number
  readonly maxMs: number
}

/** Milliseconds; undefined: no duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return text === '0' ? 0 : undefined
  let ms = 0
  for (const [, number, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g))
    ms += Number(number) * (UNITS_MS[unit ?? ''] ?? 0)
  return ms
}

/** `min:max`, or `min` alone; undefined: neither. */
export function parseWait(text: string): Wait | undefined {
  const [minText = '', maxText] = text.split(':')
  const minMs = parseDuration(minText)
  const maxMs = maxText === undefined ? (minMs ?? 0) * WAIT_RATIO : parseDuration(maxText)
  return minMs === undefined || maxMs === undefined || maxMs < minMs ? undefined : { minMs, maxMs }
}
