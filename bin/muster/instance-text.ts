/**
 * A list of instances as text: a table for people, JSON for programs, variables for shells.
 *
 * Owns: the three forms. What stands in the store is never believed: nothing of it can end a quoted word or move a cursor.
 */
import type { InstanceList } from '../../src/sidecar/discover.ts'
import { formatAddress } from '../../src/sidecar/names.ts'

/** Names for `--output`. */
export const INSTANCE_FORMS = ['table', 'json', 'env'] as const
export type InstanceForm = (typeof INSTANCE_FORMS)[number]

const HEADS = ['ID', 'ADDRESS', 'STATUS', 'TAGS'] as const
/** Variables for single instances stop here; the list of addresses holds all of them. */
const NUMBERED_MAX = 1_000

/** The list in lines, each with its end. */
export function instanceText(list: InstanceList, form: InstanceForm): string {
  if (form === 'json') return `${JSON.stringify(list)}\n`
  return form === 'env' ? environmentText(list) : tableText(list)
}

function tableText({ instances }: InstanceList): string {
  const rows = instances.map((instance) =>
    [instance.id, formatAddress(instance), instance.status, instance.tags.join(',')].map(printable),
  )
  const widths = HEADS.map((head, at) => Math.max(head.length, ...rows.map((cells) => (cells[at] ?? '').length)))
  const lines = [HEADS, ...rows].map((cells) => cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}

/**
 * `WEB_COUNT`, `WEB_ADDRESSES` (with commas), and for each `WEB_1_ID`, `_ADDRESS`, `_HOST`, `_PORT`: the name in capitals, with `_` for
 * what no variable's name may have.
 */
function environmentText({ name, instances }: InstanceList): string {
  const upper = name.toUpperCase().replace(/[^A-Z0-9]/g, '_')
  const prefix = /^[0-9]/.test(upper) ? `_${upper}` : upper
  const variables = [
    ['COUNT', String(instances.length)],
    ['ADDRESSES', instances.map(formatAddress).join(',')],
    ...instances.slice(0, NUMBERED_MAX).flatMap((instance, at) => [
      [`${at + 1}_ID`, instance.id],
      [`${at + 1}_ADDRESS`, formatAddress(instance)],
      [`${at + 1}_HOST`, instance.host],
      [`${at + 1}_PORT`, String(instance.port)],
    ]),
  ]
  return variables.map(([key, value = '']) => `${prefix}_${key}=${quoted(value)}\n`).join('')
}

/** A word that a shell takes for this text and nothing else. */
function quoted(text: string): string {
  return /^[\w.,:/@%+-]*$/.test(text) ? text : `'${printable(text).replaceAll("'", `'\\''`)}'`
}

function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?')
}
