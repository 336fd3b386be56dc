/**
 * From words and variables to the frozen settings of one member, or to what to print and with which status to end.
 *
 * Owns: the order of precedence: flags, `MUSTER_` variables, `ETCD_` variables, files, defaults. Touches neither the process
 * nor the network, and of the disk only the file of options that was asked for.
 */
import { readFileSync } from 'node:fs'
import { buildConfig } from './build.ts'
import { brokenRule, brokenSettings } from './checks.ts'
import { parseCommandLine } from './command-line.ts'
import type { Config } from './config.ts'
import { parseConfigFile, parseOldConfigFile } from './config-file.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { LoadError, type Setting } from './settings.ts'
import { settle } from './settle.ts'
import { packageVersion } from './version.ts'

/** What to print, and the status to end with. */
export interface Exit {
  readonly code: 0 | 1 | 2
  readonly stdout?: string
  readonly stderr?: string
}

type ReadFile = (path: string) => string

/** `warnings` are sentences for the log, in no order that matters. */
export type Loaded = { readonly config: Config; readonly warnings: readonly string[] } | { readonly exit: Exit }

/**
 * Loads the settings of a member.
 *
 * @param argv the words after the program's name
 * @param env usually `process.env`
 * @param readFile the text of a file of options; throws when there is none.
 */
export function loadConfig(argv: readonly string[], env: Environment, readFile: ReadFile = readText): Loaded {
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

    const warnings = [...variables.warnings, ...addFile(settings, readFile), ...settle(settings)]
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

/**
 * What a file of options adds. The YAML of etcd 3 stands alone, as there: a file that is nearly all of the settings, with one
 * left in some environment, is a riddle. The TOML of etcd 0.4 comes last.
 */
function addFile(settings: Map<string, Setting>, readFile: ReadFile): readonly string[] {
  const file = settings.get('config-file')
  if (file !== undefined && file.text !== '') {
    const read = parseConfigFile(file.text, readOrFail(file, readFile))
    const others = [...settings.values()].filter((setting) => setting !== file).map(({ source }) => source)
    settings.clear()
    for (const [flag, setting] of read.settings) settings.set(flag, setting)
    return [...read.warnings, ...others.map((source) => `${source} is ignored: ${file.text} says everything`)]
  }
  const old = settings.get('config')
  if (old === undefined || old.text === '') return []
  const read = parseOldConfigFile(old.text, readOrFail(old, readFile))
  for (const [flag, setting] of read.settings) if (!settings.has(flag)) settings.set(flag, setting)
  return read.warnings
}

function readOrFail({ text: path, source }: Setting, readFile: ReadFile): string {
  try {
    return readFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new LoadError(1, `cannot read the file of ${source}: ${reason}`, error)
  }
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}

function failure(code: 1 | 2, message: string): Exit {
  return { code, stderr: `musterd: ${message}\nRun 'musterd --help' for the options.\n` }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  return Object.freeze(value)
}
