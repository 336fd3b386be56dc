/**
 * Times as people write them: `15s`, `1m30s`, `500ms`, or a number of seconds.
 *
 * Owns: reading them. Source: Go's durations, as registrator's metadata has them.
 */

const UNIT_SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 }

/** Seconds; undefined when it is no time. */
export function secondsOf(text: string): number | undefined {
  const given = text.trim()
  if (/^\d+(\.\d+)?$/.test(given)) return Number(given)
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(given)) return undefined
  let seconds = 0
  for (const [, number, unit] of given.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    seconds += Number(number) * (UNIT_SECONDS[unit as string] as number)
  }
  return seconds
}
