/**
 * Template resources: the TOML files of `conf.d`, confd's fields and ours.
 *
 * Owns: their fields, defaults and checks; reading a directory of them. Leaves to others: what they ask for.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { DURATION_MAX, parseDuration, parseWait, type Wait } from './duration.ts'
import { RenderError, reasonOf } from './errors.ts'
import { cleanPath } from './functions/glob.ts'
import { groupId, userId } from './owners.ts'

/** Resources in a directory. */
const RESOURCES_MAX = 1_000
/** Keys of one resource; each is followed by a connection of its own. */
const KEYS_MAX = 100
/** Keys of all of them, each counted once. */
export const KEYS_OF_ALL_MAX = 10_000
const COMMAND_MS_DEFAULT = 60_000
const WAIT_DEFAULT: Wait = { minMs: 20, maxMs: 1_000 }

/** Whom to tell of a new file. Several may be given; they are told in this order. */
export interface ReloadRule {
  readonly command: string | undefined
  /** The signal for the process that the file names, the container, or the child. */
  readonly signal: NodeJS.Signals | undefined
  readonly pidFile: string | undefined
  readonly container: string | undefined
}

/** One template and its file. */
export interface TemplateResource {
  /** The TOML file, relative to `conf.d`: its name in the log and the status. */
  readonly name: string
  /** Path of the template. */
  readonly src: string
  readonly dest: string
  /** Keys to follow, with the prefix; none: it is made when it is read. */
  readonly keys: readonly string[]
  /** Taken off the keys that the template sees. `/` for none. */
  readonly prefix: string
  /** Undefined: as the file has it, else 0644. */
  readonly mode: number | undefined
  /** Undefined: as the file has it, else those of this process. */
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly checkCommand: string | undefined
  readonly reload: ReloadRule
  readonly wait: Wait
  /** Keep the file before as `dest.bak`. */
  readonly backup: boolean
  /** A key that is not there keeps the file as it is; otherwise it counts as empty. */
  readonly errorOnMissingKey: boolean
  /** How long a command may take. Milliseconds. */
  readonly commandMs: number
}

export interface ResourceDefaults {
  /** `--confdir`. */
  readonly directory: string
  /** `--prefix`: instead of those of the resources. Empty: none. */
  readonly prefix: string
  /** `--wait`. */
  readonly wait: Wait | undefined
  /** There is a COMMAND, whom a `reload_signal` is for that names nobody. */
  readonly hasCommand: boolean
}

/** Reads all resources of a directory, also below it, in the order of their names. @throws RenderError naming the file. */
export function readResources(defaults: ResourceDefaults): readonly TemplateResource[] {
  const folder = join(defaults.directory, 'conf.d')
  let names: string[]
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('toml'))
  } catch (error) {
    throw new RenderError('MUSTER_RENDER_CONFIG', `cannot read ${folder}: ${reasonOf(error)}`, error)
  }
  if (names.length > RESOURCES_MAX) {
    throw new RenderError(
      'MUSTER_RENDER_CONFIG',
      `${folder} holds ${names.length} resources, more than ${RESOURCES_MAX}`,
    )
  }
  const resources = names.sort().map((name) => readResource(join(folder, name), name, defaults))
  const { size } = new Set(resources.flatMap(({ keys }) => keys))
  if (size > KEYS_OF_ALL_MAX) {
    const problem = `${folder} follows ${size} keys, more than ${KEYS_OF_ALL_MAX}: name directories above them`
    throw new RenderError('MUSTER_RENDER_CONFIG', problem)
  }
  return resources
}

function readResource(path: string, name: string, defaults: ResourceDefaults): TemplateResource {
  try {
    return parseResource(name, readFileSync(path, 'utf8'), defaults)
  } catch (error) {
    if (error instanceof RenderError) throw error
    throw new RenderError('MUSTER_RENDER_CONFIG', `${path}: ${reasonOf(error).split('\n')[0]}`, error)
  }
}

/** Takes the text of one resource. @throws RenderError; an error of the TOML parser. */
export function parseResource(name: string, text: string, defaults: ResourceDefaults): TemplateResource {
  const { template } = parse(text)
  if (typeof template !== 'object' || template === null || Array.isArray(template) || template instanceof Date) {
    throw wrong(name, 'has no table [template]')
  }
  const fields = new Fields(name, template as Record<string, unknown>)
  const ownPrefix = fields.text('prefix') ?? ''
  const prefix = cleanPath(`/${defaults.prefix || ownPrefix}`)
  const resource: TemplateResource = {
    name,
    src: join(defaults.directory, 'templates', fields.required('src')),
    dest: fields.required('dest'),
    keys: fields.texts('keys').map((key) => cleanPath(`/${prefix}/${key}`)),
    prefix,
    mode: fields.mode('mode'),
    uid: fields.number('uid') ?? fields.owner('owner', userId),
    gid: fields.number('gid') ?? fields.owner('group', groupId),
    checkCommand: fields.text('check_cmd'),
    reload: {
      command: fields.text('reload_cmd'),
      signal: fields.signal('reload_signal'),
      pidFile: fields.text('reload_pid_file'),
      container: fields.text('reload_container'),
    },
    wait: fields.wait('wait') ?? defaults.wait ?? WAIT_DEFAULT,
    backup: fields.switch('backup') ?? false,
    errorOnMissingKey: fields.switch('error_on_missing_key') ?? true,
    commandMs: fields.duration('command_timeout') ?? COMMAND_MS_DEFAULT,
  }
  fields.checkUnknown()
  const { signal, pidFile, container } = resource.reload
  if (signal !== undefined && pidFile === undefined && container === undefined && !defaults.hasCommand) {
    const somebody = 'reload_pid_file, reload_container or a COMMAND behind --'
    throw wrong(name, `reload_signal ${signal} is for nobody: expected ${somebody}`)
  }
  if (resource.keys.length > KEYS_MAX) {
    throw wrong(name, `keys are ${resource.keys.length}: expected ${KEYS_MAX} at most`)
  }
  return resource
}

/** The fields of one table, each looked at once. */
class Fields {
  readonly #name: string
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #known = new Set<string>()

  constructor(name: string, fields: Readonly<Record<string, unknown>>) {
    this.#name = name
    this.#fields = fields
  }

  text(field: string): string | undefined {
    const value = this.#get(field)
    if (value === undefined || value === '') return undefined
    if (typeof value === 'string') return value
    throw wrong(this.#name, `${field} is no text`)
  }

  required(field: string): string {
    const value = this.text(field)
    if (value === undefined) throw wrong(this.#name, `has no ${field}`)
    return value
  }

  texts(field: string): readonly string[] {
    const value = this.#get(field) ?? []
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
    throw wrong(this.#name, `${field} is no list of texts`)
  }

  switch(field: string): boolean | undefined {
    const value = this.#get(field)
    if (value === undefined || typeof value === 'boolean') return value
    throw wrong(this.#name, `${field} is neither true nor false`)
  }

  /** A user's or group's number; -1 is none, as in confd. */
  number(field: string): number | undefined {
    const value = this.#get(field)
    if (value === undefined || value === -1) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
    throw wrong(this.#name, `${field} is no number of a user or group`)
  }

  owner(field: string, idOf: (name: string) => number | undefined): number | undefined {
    const value = this.text(field)
    if (value === undefined) return undefined
    const id = idOf(value)
    if (id === undefined) throw wrong(this.#name, `${field} "${value}" is unknown on this machine`)
    return id
  }

  mode(field: string): number | undefined {
    const value = this.text(field)
    if (value === undefined) return undefined
    const digits = /^(?:0o?)?([0-7]{3,4})$/.exec(value)?.[1]
    if (digits === undefined) throw wrong(this.#name, `${field} "${value}" is no octal number like 0644`)
    return Number.parseInt(digits, 8)
  }

  signal(field: string): NodeJS.Signals | undefined {
    const value = this.text(field)
    if (value === undefined) return undefined
    const signal = parseSignal(value)
    if (signal === undefined) throw wrong(this.#name, `${field} "${value}" is no signal`)
    return signal
  }

  wait(field: string): Wait | undefined {
    const value = this.text(field)
    const wait = value === undefined ? undefined : parseWait(value)
    if (value !== undefined && wait === undefined)
      throw wrong(this.#name, `${field} "${value}" is not like "2s:10s", up to ${DURATION_MAX}`)
    return wait
  }

  duration(field: string): number | undefined {
    const value = this.text(field)
    const ms = value === undefined ? undefined : parseDuration(value)
    if (value !== undefined && !ms)
      throw wrong(this.#name, `${field} "${value}" is no duration like "30s", up to ${DURATION_MAX}`)
    return ms
  }

  /** A misspelt field would otherwise do nothing, in silence. */
  checkUnknown(): void {
    const unknown = Object.keys(this.#fields).filter((field) => !this.#known.has(field.toLowerCase()))
    if (unknown.length > 0) throw wrong(this.#name, `does not know ${unknown.join(', ')}`)
  }

  /** Names in any case, as confd's TOML library takes them. */
  #get(field: string): unknown {
    this.#known.add(field)
    if (this.#fields[field] !== undefined) return this.#fields[field]
    const name = Object.keys(this.#fields).find((one) => one.toLowerCase() === field)
    return name === undefined ? undefined : this.#fields[name]
  }
}

/** `HUP`, `SIGHUP`, `hup`; undefined: no signal. */
export function parseSignal(text: string): NodeJS.Signals | undefined {
  const upper = text.toUpperCase()
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  return Object.hasOwn(constants.signals, name) ? (name as NodeJS.Signals) : undefined
}

function wrong(name: string, problem: string): RenderError {
  return new RenderError('MUSTER_RENDER_CONFIG', `${name} ${problem}`)
}
