/**
 * The result as text: one line a measure, ours and theirs beside each other, with the ratio and the goal. Medians over the
 * rounds; the ratio is the median of the rounds' ratios, because what is measured in one round is what can be compared.
 */
import { type Goal, goalText, type Measure, type Row, type Sample } from './row.ts'
import { median } from './statistics.ts'

/** Samples of one contender, in the order of the rounds. A round without a sample is undefined. */
export type Samples = readonly (Sample | undefined)[]

/** One line of the table. */
export interface Line {
  readonly row: string
  readonly title: string
  readonly measure: Measure
  /** Medians, in the order of the contenders; NaN where there was no number. */
  readonly values: readonly number[]
  /** The first contender's value divided by the second's; NaN when there is only one, or nothing to divide by. */
  readonly ratio: number
  /** Undefined when there is no goal, or nothing to compare with. */
  readonly reached: boolean | undefined
}

/** The lines of one row. `samples` holds an element a contender. */
export function linesOf(row: Row, samples: readonly Samples[]): readonly Line[] {
  return row.measures.map((measure) => {
    const numbers = samples.map((one) => one.map((sample) => sample?.values[measure.id] ?? Number.NaN))
    const values = numbers.map((one) => median(one.filter((value) => !Number.isNaN(value))))
    const [ours = [], theirs = []] = numbers
    const ratio = median(
      ours.map((value, at) => value / (theirs[at] ?? Number.NaN)).filter((one) => Number.isFinite(one)),
    )
    const { goal } = measure
    return { row: row.name, title: row.title, measure, values, ratio, reached: reached(goal, values[0], ratio) }
  })
}

/** The table in Markdown, aligned so that it reads well in a terminal too. */
export function renderTable(labels: readonly string[], lines: readonly Line[]): string {
  const head = ['row', 'work', 'measure', ...labels, ...(labels.length > 1 ? ['ratio'] : []), 'goal', '']
  const body = lines.map((line, at) => {
    const isFirst = lines[at - 1]?.row !== line.row
    return [
      isFirst ? line.row : '',
      isFirst ? line.title : '',
      line.measure.label,
      ...line.values.map((value) => number(value, line.measure.digits)),
      ...(labels.length > 1 ? [number(line.ratio, 2)] : []),
      line.measure.goal === undefined ? '' : goalText(line.measure.goal),
      line.reached === undefined ? '' : line.reached ? 'yes' : 'no',
    ]
  })
  const isNumber = (column: number) => column >= 3 && column < head.length - 2
  const widths = head.map((text, column) =>
    Math.max(3, text.length, ...body.map((cells) => cells[column]?.length ?? 0)),
  )
  const lineOf = (cells: readonly string[]) => {
    const padded = cells.map((cell, column) => {
      return isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
    })
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, column) => '-'.repeat(width - 1) + (isNumber(column) ? ':' : '-'))
  return [lineOf(head), `| ${rule.join(' | ')} |`, ...body.map(lineOf)].join('\n')
}

function reached(goal: Goal | undefined, value: number | undefined, ratio: number): boolean | undefined {
  const measured = goal?.of === 'ratio' ? ratio : value
  if (goal === undefined || measured === undefined || Number.isNaN(measured)) return undefined
  return goal.bound === 'min' ? measured >= goal.limit : measured <= goal.limit
}

function number(value: number, digits: number): string {
  if (Number.isNaN(value)) return '-'
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
