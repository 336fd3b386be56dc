/**
 * The table of `muster status`, within 80 columns.
 *
 * Owns: columns, widths, units, colours (on a terminal only, and never where NO_COLOR is set).
 */
import process from 'node:process'
import { styleText } from 'node:util'
import { group } from './display.ts'
import type { ClusterReport, MemberReport } from './status.ts'

const WIDTH = 80
const GAP = '  '
const NAME_CHARS_MIN = 6
const HEADS = ['NAME', 'ID', 'ROLE', 'RAFT', 'STORE', 'LAG', 'MEMORY', 'DISK'] as const
/** From here on cells are numbers, and stand to the right. */
const FIRST_NUMBER = 3

/** The report as lines, each with its end. */
export function renderStatus(report: ClusterReport): string {
  const rows = report.members.map(cellsOf)
  const widths = HEADS.map((head, at) => Math.max(head.length, ...rows.map((cells) => (cells[at] as string).length)))
  const others = widths.slice(1).reduce((sum, width) => sum + GAP.length + width, 0)
  widths[0] = Math.max(NAME_CHARS_MIN, Math.min(widths[0] as number, WIDTH - others))
  const lines = [headline(report), '', paint('bold', lineOf(HEADS, widths))]
  rows.forEach((cells, at) => {
    const { problem, id } = report.members[at] as MemberReport
    const line = lineOf(cells, widths)
    lines.push(problem !== '' ? paint('red', line) : id === report.leader ? paint('green', line) : line)
  })
  if (report.alarms.length > 0) lines.push('')
  for (const alarm of report.alarms) lines.push(...wrapped(`! ${alarm}`).map((line) => paint('red', line)))
  return lines.map((line) => `${line}\n`).join('')
}

function headline({ clusterId, members, leader, term, storeIndex, healthy }: ClusterReport): string {
  const name = members.find(({ id }) => id === leader)?.name ?? leader
  const parts = [
    `cluster ${clusterId === '' ? 'of unknown id' : clusterId}`,
    `leader ${name ?? 'none'}`,
    ...(term === 0 ? [] : [`term ${term}`]),
    `index ${group(storeIndex)}`,
    healthy ? 'healthy' : 'NOT WELL',
  ]
  return wrapped(parts.join(', ')).join('\n')
}

function cellsOf(member: MemberReport): readonly string[] {
  const { id, name, status, healthy, learner, lag, memoryBytes, storageBytes } = member
  const role = status === undefined ? 'unreachable' : !healthy ? 'unhealthy' : learner ? 'learner' : status.role
  return [
    name === '' ? '(unstarted)' : name,
    id,
    name === '' ? 'unstarted' : role,
    status === undefined || status.raftIndex === 0 ? '-' : `${status.raftIndex}`,
    status === undefined ? '-' : `${status.storeIndex}`,
    lag === undefined ? '-' : `${lag}`,
    mebibytes(memoryBytes),
    mebibytes(storageBytes),
  ]
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? '-' : `${Math.ceil(bytes / 1024 / 1024)}M`
}

function lineOf(cells: readonly string[], widths: readonly number[]): string {
  const shown = cells.map((cell, at) => {
    const width = widths[at] as number
    if (at >= FIRST_NUMBER) return cell.padStart(width)
    return (cell.length > width ? `${cell.slice(0, width - 1)}…` : cell).padEnd(width)
  })
  return shown.join(GAP).trimEnd()
}

/** Broken at blanks; a word that is longer than a line stays whole. */
function wrapped(text: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = `  ${word}`
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

function paint(style: 'bold' | 'red' | 'green', text: string): string {
  return styleText(style, text, { stream: process.stdout })
}
