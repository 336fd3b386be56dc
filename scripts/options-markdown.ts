/**
 * The text of `docs/options.md`: every option, and every flag of etcd that is not one of them, with what it meets.
 */
import { shownDefault } from '../src/config/command-line.ts'
import { OBSOLETE_FLAGS, type ObsoleteFlag } from '../src/config/obsolete.ts'
import { type Option, variableOf } from '../src/config/option.ts'
import { OPTION_ROWS } from '../src/config/options.ts'

const INTRODUCTION = `# Options of musterd

Made from the rows in \`src/config/rows/\` by \`npm run fix\`: change it there.

Each option can be given as a flag (\`--name x\`, \`--name=x\`, or with one dash as in Go), as a \`MUSTER_\` variable or as
an \`ETCD_\` variable. A flag comes before a \`MUSTER_\` variable, that before an \`ETCD_\` variable, and that before the
default. With \`--config-file\` only what stands in that file counts. Empty variables count as not set; unknown ones with these
prefixes are reported and ignored.

A word that is no known flag, or a value that cannot be read, ends the process with status 2 (1 when it came from a
variable); a value that breaks a rule ends it with status 1. Either way there is one sentence on standard error.
`

export function renderOptionsPage(): string {
  const groups = [...new Set(OPTION_ROWS.map(([, option]) => option.group))]
  const sections = groups.map((group) => {
    const rows = OPTION_ROWS.filter(([, option]) => option.group === group)
    return `## ${group}\n\n${rows.map(([, option]) => renderOption(option)).join('\n')}`
  })
  return `${INTRODUCTION}\n${sections.join('\n')}\n${renderObsolete()}`
}

function renderOption(option: Option): string {
  const { flag, placeholder, unit, min, max, choices, scope, help } = option
  const lines = [
    `### \`--${flag} ${placeholder}\``,
    '',
    help,
    '',
    `- Variables: \`${variableOf(flag, 'MUSTER_')}\`, \`${variableOf(flag, 'ETCD_')}\``,
    `- Default: ${shownDefault(option)}`,
  ]
  if (choices !== undefined) lines.push(`- One of: ${choices.join(', ')}`)
  if (min !== undefined && max !== undefined) lines.push(`- Range: ${min} to ${max} ${unit ?? ''}`.trimEnd())
  if (scope === 'cluster')
    lines.push('- Must be the same on all members; the peer handshake refuses a member that differs')
  return `${lines.join('\n')}\n`
}

function renderObsolete(): string {
  return `## Flags of etcd that are not options of muster

All flags of etcd 0.4.6, 2.3 and 3.4 are accepted, so that an old command line keeps working; their \`ETCD_\` variables likewise.

${obsoleteTable('translated', 'Accepted with a warning, as other options', 'Taken as')}
${obsoleteTable('renamed', 'Accepted with a warning, under another name', 'Taken as')}
${obsoleteTable('file', 'Files of options', 'What')}
${obsoleteTable('ignored', 'Accepted with a warning, without effect', 'Why')}
${obsoleteTable('refused', 'Refused, because going on would do harm', 'Why')}`
}

function obsoleteTable(fate: ObsoleteFlag['fate'], title: string, column: string): string {
  const rows = OBSOLETE_FLAGS.filter((row) => row.fate === fate).sort((a, b) => (a.flag < b.flag ? -1 : 1))
  const lines = rows.map(({ flag, note }) => {
    const text = fate === 'renamed' ? `--${note}` : note
    return `| \`--${flag}\` | ${text.replace(/--[a-z-]+/g, '`$&`')} |`
  })
  return `### ${title}\n\n| Flag | ${column} |\n|---|---|\n${lines.join('\n')}\n`
}
