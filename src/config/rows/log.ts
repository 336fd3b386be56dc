/**
 * Options of the log.
 */
import type { Option } from '../option.ts'

export const LOG_ROWS = {
  logLevel: {
    flag: 'log-level',
    kind: 'choice',
    group: 'Log',
    placeholder: 'LEVEL',
    fallback: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'fatal'],
    aliases: { panic: 'fatal', dpanic: 'fatal', warning: 'warn' },
    scope: 'member',
    help: 'The least severe lines that are logged.',
  },
  logFormat: {
    flag: 'log-format',
    kind: 'choice',
    group: 'Log',
    placeholder: 'FORMAT',
    fallback: 'pretty',
    choices: ['pretty', 'json'],
    aliases: { console: 'pretty' },
    scope: 'member',
    help: 'How a log line on standard error looks: for people, or one JSON object a line for a log collector.',
  },
  logOutput: {
    flag: 'log-outputs',
    kind: 'output',
    group: 'Log',
    placeholder: 'WHERE',
    fallback: 'stderr',
    scope: 'member',
    help: 'Where log lines go: stderr, stdout, or the path of a file, to which they are appended. Of several the first counts.',
  },
} as const satisfies Readonly<Record<string, Option>>
