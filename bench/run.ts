/**
 * `npm run bench`: measures muster and, where it can, etcd in the same run, and prints them beside each other.
 *
 * Owns the process: options, output, exit status (1 when a row has errors or no numbers). See README.md for the method.
 */
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { contender } from './contenders.ts'
import { JOBS, ROWS } from './jobs.ts'
import { describeMachine } from './machine.ts'
import { type BenchOptions, HELP, readOptions } from './options.ts'
import { effortText, Runner } from './runner.ts'
import { type Line, linesOf, renderTable } from './table.ts'
import { Workspace } from './workspace.ts'

const options = parseCommandLine()
const contenders = options.contenders.map(contender)
const workspace = new Workspace()
const machine = describeMachine(contenders)
const runner = new Runner(workspace, contenders, options, (line) => process.stderr.write(`${line}\n`))
await runner.run(JOBS)

const rows = ROWS.filter((row) => options.wanted.has(row.name))
const lines = rows.flatMap((row) => linesOf(row, runner.samplesOf(row.name)))
/** A contender that is compared with itself needs a second name. */
const labels = contenders.map(({ label }, at) => (contenders[0]?.label === label && at > 0 ? `${label} again` : label))
const facts = { ...machine, effort: effortText(options.effort, options.rounds) }
for (const [name, text] of Object.entries(facts)) process.stdout.write(`${name}: ${text}\n`)
process.stdout.write(`\n${renderTable(labels, lines)}\n`)
if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, `${JSON.stringify(report(), null, 2)}\n`)
const faults = faultsOf()
for (const fault of faults) process.stdout.write(`\n! ${fault}`)
if (faults.length > 0) process.stdout.write('\n')
process.exit(faults.length > 0 ? 1 : 0)

function parseCommandLine(): BenchOptions {
  const names = ROWS.map((row) => row.name)
  try {
    const read = readOptions(process.argv.slice(2), names)
    if (typeof read === 'object') return read
    process.stdout.write(read === 'help' ? HELP : `${names.join('\n')}\n`)
    process.exit(0)
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(2)
  }
}

/** Errors of samples, and measures without a number. */
function faultsOf(): readonly string[] {
  const ofSamples = rows.flatMap((row) => {
    return runner.samplesOf(row.name).flatMap((samples, at) => {
      const texts = samples.flatMap((sample) => sample?.errors ?? ['nothing was measured'])
      return [...new Set(texts)].map((text) => `${row.name}, ${labels[at]}: ${text}`)
    })
  })
  const empty = lines.filter((line: Line) => line.values.some((value) => !Number.isFinite(value)))
  return [...ofSamples, ...empty.map((line) => `${line.row}: no number for "${line.measure.label}"`)]
}

function report(): object {
  return {
    ...facts,
    rows: rows.map((row) => ({
      name: row.name,
      title: row.title,
      samples: Object.fromEntries(labels.map((label, at) => [label, runner.samplesOf(row.name)[at]])),
    })),
    table: lines.map(({ row, measure, values, ratio, reached }) => ({
      row,
      measure: measure.id,
      values,
      ratio,
      reached,
    })),
  }
}
