/**
 * Durations as texts, as Go and consul-template write them: `500ms`, `2s`, `1m30s`; `min:max` of a pause.
 *
 * Owns: reading them, and how long they may be: timers of Node.js that are longer run out at once.
 */

/** The longest: whole hours below 2^31 ms. As text, for messages. */
export const DURATION_MAX = '596h'
export const DURATION_MS_MAX = 596 * 3_600_000

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
/** How much longer than the shortest pause the longest is, where only one is given: consul-template's. */
const WAIT_RATIO = 4

/** How long to wait for quiet after a change, and for how long at most. Milliseconds. */
export interface Wait {
  readonly minMs: number
  readonly maxMs: number
}

/** Milliseconds; undefined: no duration, or one of more than `DURATION_MAX`. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return text === '0' ? 0 : undefined
  let ms = 0
  for (const [, number, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g))
    ms += Number(number) * (UNITS_MS[unit ?? ''] ?? 0)
  return ms <= DURATION_MS_MAX ? ms : undefined
}

/** `min:max`, or `min` alone; undefined: neither, or more than `DURATION_MAX`. */
export function parseWait(text: string): Wait | undefined {
  const [minText = '', maxText] = text.split(':')
  const minMs = parseDuration(minText)
  const maxMs = maxText === undefined ? Math.min((minMs ?? 0) * WAIT_RATIO, DURATION_MS_MAX) : parseDuration(maxText)
  return minMs === undefined || maxMs === undefined || maxMs < minMs ? undefined : { minMs, maxMs }
}
