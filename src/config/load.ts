/**
 * From words and variables to the frozen settings of one member, or to what to print and with which status to end.
 *
 * Owns: the order of precedence (flags, `MUSTER_` variables, `ETCD_` variables, defaults) and the fate of obsolete flags.
 * Touches neither the process nor the network.
 */
import { buildConfig } from './build.ts'
import { brokenRule, brokenSettings } from './checks.ts'
import { parseCommandLine } from './command-line.ts'
import type { Config } from './config.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { OBSOLETE_FLAGS } from './obsolete.ts'
import { LoadError, type Setting } from './settings.ts'
import { packageVersion } from './version.ts'

/** What to print, and the status to end with. */
export interface Exit {
  readonly code: 0 | 1 | 2
  readonly stdout?: string
  readonly stderr?: string
}

/** `warnings` are sentences for the log, in no order that matters. */
export type Loaded = { readonly config: Config; readonly warnings: readonly string[] } | { readonly exit: Exit }

/**
 * Loads the settings of a member.
 *
 * @param argv the words after the program's name
 * @param env usually `process.env`
 */
export function loadConfig(argv: readonly string[], env: Environment): Loaded {
  const line = parseCommandLine(argv)
  if (line.kind === 'help') return { exit: { code: 0, stdout: line.text } }
  if (line.kind === 'version') return { exit: { code: 0, stdout: `musterd ${packageVersion()}\n` } }
  if (line.kind === 'wrong') return { exit: failure(line.status, line.message) }
  try {
    const variables = readEnvironment(env)
    const settings = new Map<string, Setting>()
    for (const [flag, { variable, text }] of variables.settings) {
      settings.set(flag, { text, source: variable, fromFlag: false })
    }
    for (const [flag, text] of line.flags) settings.set(flag, { text, source: `flag --${flag}`, fromFlag: true })

    const warnings = [...variables.warnings, ...settleObsolete(settings)]
    const contradiction = brokenSettings(settings)
    if (contradiction !== undefined) throw new LoadError(1, contradiction)
    const config = buildConfig(settings)
    const broken = brokenRule(config)
    if (broken !== undefined) throw new LoadError(1, broken)
    return { config: deepFreeze(config), warnings }
  } catch (error) {
    if (!(error instanceof LoadError)) throw error
    return { exit: failure(error.exitCode, error.message) }
  }
}

/** Applies renamed flags to `settings` and removes all obsolete ones. Returns the warnings. */
function settleObsolete(settings: Map<string, Setting>): readonly string[] {
  const warnings: string[] = []
  for (const { flag, fate, note, neutral } of OBSOLETE_FLAGS) {
    const setting = settings.get(flag)
    if (setting === undefined) continue
    settings.delete(flag)
    if (fate === 'renamed') {
      warnings.push(`${setting.source} is obsolete: use --${note}`)
      const text = setting.text.includes('://') ? setting.text : `http://${setting.text}`
      if (!settings.has(note)) settings.set(note, { ...setting, text })
    } else if (fate === 'refused' && setting.text !== '' && !neutral.includes(setting.text)) {
      throw new LoadError(1, `${setting.source} cannot be honoured: ${note}`)
    } else {
      warnings.push(`${setting.source} is ignored${note === '' ? '' : `: ${note}`}`)
    }
  }
  return warnings
}

function failure(code: 1 | 2, message: string): Exit {
  return { code, stderr: `musterd: ${message}\nRun 'musterd --help' for the options.\n` }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  return Object.freeze(value)
}
