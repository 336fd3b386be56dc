/**
 * Looks for a sequence that the two servers answer differently, and makes it short.
 *
 * Owns: how many sequences, from which seed; running a difference again before it is believed; the report. Leaves to others:
 * running one (run), what is equal (compare), what is meant (explained).
 */
import fc from 'fast-check'
import { type Shown, show } from './compare.ts'
import type { Uses } from './explained.ts'
import type { Pair } from './pair.ts'
import { type Observation, runSequence } from './run.ts'
import { describeStep, type Step } from './steps.ts'

/** For how long a difference is made shorter. */
const SHRINK_MS_MAX = 60_000

/** For how long one server is waited for when a watcher has got more from the other; when the difference is looked at again. */
const HASTY_MS = 100
const PATIENT_MS = 1_500

export interface Search {
  readonly sequences: number
  readonly seed: number
  /** Brings the servers back to where every sequence begins, before each; what is in `/v2/keys` is seen to. */
  readonly prepare?: () => Promise<void>
}

export interface Found {
  /** Sequences that were run, steps in them, sequences that said nothing, differences that did not come back. */
  readonly sequences: number
  readonly steps: number
  readonly late: number
  readonly unsteady: readonly string[]
  /** The shortest difference, as a transcript; undefined: there was none. */
  readonly difference: string | undefined
}

/** What is compared: `show`, or a test's own. */
export type Show = typeof show

/** How many sequences, and from where: `DIFF_SEQUENCES` and `DIFF_SEED`. @param share of the sequences, at least one. */
export function searchFromEnvironment(share: number): Search {
  const wanted = Number(process.env['DIFF_SEQUENCES'] ?? 200)
  const seed = Number(process.env['DIFF_SEED'] ?? Math.trunc(Math.random() * 2 ** 31))
  return { sequences: Math.max(1, Math.ceil(wanted * share)), seed }
}

/** Runs sequences until two answers differ that nothing explains. */
export async function findDifference(
  pair: Pair,
  sequence: fc.Arbitrary<readonly Step[]>,
  search: Search,
  uses: Uses,
  shown: Show = show,
): Promise<Found> {
  let [sequences, steps, late, foundMs] = [0, 0, 0, 0]
  const unsteady: string[] = []
  let report: string | undefined
  const differs = async (some: readonly Step[], patienceMs: number): Promise<string | undefined> => {
    if (!pair.alive) throw new Error('a server has ended')
    await search.prepare?.()
    const run = await runSequence(pair, some, patienceMs)
    if (foundMs === 0) {
      sequences += 1
      steps += run.observations.length
    }
    if (run.late) late += 1
    return run.late ? undefined : firstDifference(pair, run.observations, uses, shown)
  }
  const property = fc.asyncProperty(sequence, async (some) => {
    if (foundMs !== 0 && Date.now() - foundMs > SHRINK_MS_MAX) return true
    const first = await differs(some, HASTY_MS)
    if (first === undefined) return true
    const again = await differs(some, PATIENT_MS)
    if (again === undefined) {
      unsteady.push(first)
      return true
    }
    if (foundMs === 0) foundMs = Date.now()
    report = again
    return false
  })
  const { sequences: numRuns, seed } = search
  const { counterexample } = await fc.check(property, { numRuns, seed })
  const [shrunk = []] = counterexample ?? []
  await withoutNeedless(shrunk, async (some) => {
    const difference = Date.now() - foundMs > SHRINK_MS_MAX ? undefined : await differs(some, PATIENT_MS)
    report = difference ?? report
    return difference !== undefined
  })
  const difference = report === undefined ? undefined : `DIFF_SEED=${seed}\n\n${report}`
  return { sequences, steps, late, unsteady, difference }
}

/** Leaves steps out, one at a time from the end, as long as the rest still differs. */
async function withoutNeedless(
  steps: readonly Step[],
  differs: (some: readonly Step[]) => Promise<boolean>,
): Promise<void> {
  let kept = steps
  for (let at = steps.length - 1; at >= 0 && kept.length > 1; at -= 1) {
    const some = kept.filter((_, place) => place !== at)
    if (await differs(some)) kept = some
  }
}

/** The first difference that nothing explains, with what led to it. */
function firstDifference(
  pair: Pair,
  observations: readonly Observation[],
  uses: Uses,
  shown: Show,
): string | undefined {
  const watches: { readonly observation: Observation; readonly both: Shown }[] = []
  for (const [at, observation] of observations.entries()) {
    const both = shown(pair, observation)
    if (observation.step.kind === 'watch') {
      watches.push({ observation, both })
      continue
    }
    if (both.etcd === both.muster) continue
    const explanation = uses.explain(observation, both)
    if (explanation === undefined) return transcript(observations.slice(0, at + 1), observation, both)
    // What watches saw of it differs as well.
    if (explanation.parts) {
      pair.part()
      return undefined
    }
  }
  for (const { observation, both } of watches) {
    if (both.etcd !== both.muster && uses.explain(observation, both) === undefined) {
      return transcript(observations, observation, both)
    }
  }
  return undefined
}

/** In the form of `tests/http/transcripts/`, with both answers where they differ. */
function transcript(observations: readonly Observation[], differing: Observation, both: Shown): string {
  return observations
    .map((observation) => {
      const request = describeStep(observation.step)
      if (observation !== differing) return `${request}\n----\n${summary(observation)}`
      return `${request}\n---- etcd\n${both.etcd}\n---- muster\n${both.muster}`
    })
    .join('\n\n')
}

function summary({ etcd }: Observation): string {
  return etcd.kind === 'answer' ? etcd.statusLine : etcd.kind
}
