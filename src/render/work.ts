/**
 * One template and its file, from the first rendering to the last.
 *
 * Owns: the order render, check, replace, reload; what is owed after a failure; when it is tried again; what the status shows.
 * Leaves to others: each of these steps, the keys.
 *
 * A file that was replaced owes its readers a reload until one succeeds, whatever happens in between: confd forgets it when the
 * command fails, since the file is the same the next time.
 */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { Backoff } from './backoff.ts'
import { RenderError, reasonOf } from './errors.ts'
import type { Snapshot } from './feed.ts'
import { type ReloadPorts, reload } from './reload.ts'
import { parseConfdTemplate, type RenderSettings, renderFields, renderText } from './render-text.ts'
import type { TemplateResource } from './resource.ts'
import { Settling } from './settling.ts'
import { runCommand } from './shell.ts'
import { type StagedFile, stageFile } from './stage.ts'
import type { ParsedTemplate } from './template/nodes.ts'

/** How long a check or reload that is under way may still take when all ends: half a reload is worse than none. */
const STOP_MS_MAX = 10_000

/** What pino has. */
export interface RenderLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** How files are made, the same for all. */
export interface WorkSettings {
  /** Change nothing, say what would be. */
  readonly noop: boolean
  /** Neither check nor reload. */
  readonly syncOnly: boolean
  /** Leave the file that was made beside its place. */
  readonly keepStageFile: boolean
  readonly surroundings: Omit<RenderSettings, 'missingIsEmpty'>
  readonly reloadPorts: ReloadPorts
  readonly log: RenderLog
}

/** Where the keys of a template come from. */
export interface Keys {
  /** Called before each attempt. Never rejects. */
  prepare(signal: AbortSignal): Promise<void>
  /** One for each key of the resource; undefined: not known yet. @throws what keeps them from being known. */
  snapshots(): readonly Snapshot[] | undefined
}

/** What an operator sees. Times in milliseconds since 1970; undefined: never. */
export interface WorkState {
  /** Index up to which the file follows the store; moves only when everything succeeded. */
  lastIndex: number
  lastSuccessMs: number | undefined
  lastErrorMs: number | undefined
  /** Undefined: the last attempt succeeded. */
  error: { readonly code: string; readonly message: string } | undefined
  renders: number
  replaced: number
  reloads: number
  failures: number
  /** The file is new and its readers have not been told. */
  owesReload: boolean
}

const STATE_AT_FIRST: Readonly<WorkState> = {
  lastIndex: 0,
  lastSuccessMs: undefined,
  lastErrorMs: undefined,
  error: undefined,
  renders: 0,
  replaced: 0,
  reloads: 0,
  failures: 0,
  owesReload: false,
}

export class Work {
  readonly resource: TemplateResource
  readonly state: WorkState
  readonly #settings: WorkSettings
  readonly #keys: Keys
  readonly #settling: Settling
  readonly #over = new AbortController()
  /** Kills what runs. */
  readonly #kill = new AbortController()
  #parsed: { readonly source: string; readonly template: ParsedTemplate } | undefined
  #running: Promise<boolean> | undefined
  #changed = false
  #retryTimer: NodeJS.Timeout | undefined
  readonly #backoff = new Backoff()
  #listener: () => void = () => undefined

  /** @param before What a work that has ended left for this one: above all the reload that it owes. */
  constructor(resource: TemplateResource, keys: Keys, settings: WorkSettings, before = STATE_AT_FIRST) {
    this.resource = resource
    this.state = { ...before }
    this.#keys = keys
    this.#settings = settings
    this.#settling = new Settling(resource.wait, () => void this.#begin())
  }

  /** A change is known that the file does not show yet, or an attempt is due again. */
  get pending(): boolean {
    return this.#settling.waits || this.#running !== undefined || this.#retryTimer !== undefined
  }

  /** Calls back after each attempt. */
  onAttempt(listener: () => void): void {
    this.#listener = listener
  }

  /** Its keys have changed: looks at them when they have settled. */
  change(): void {
    if (this.#over.signal.aborted) return
    if (this.#running !== undefined) this.#changed = true
    else this.#settling.change()
  }

  /**
   * One attempt, now; none when it was stopped. True: the file is as it should be, and its readers know. Never rejects.
   */
  async attempt(): Promise<boolean> {
    if (this.#over.signal.aborted) return false
    this.#running = this.#guarded()
    const ok = await this.#running
    this.#running = undefined
    this.#listener()
    return ok
  }

  /** Ends it; resolves when nothing is under way. What runs is given a while. */
  async stop(): Promise<void> {
    this.#over.abort()
    this.#settling.stop()
    clearTimeout(this.#retryTimer)
    this.#retryTimer = undefined
    const timer = setTimeout(() => this.#kill.abort(), STOP_MS_MAX)
    await this.#running
    clearTimeout(timer)
  }

  async #begin(): Promise<void> {
    // A retry and a change may fall together: side by side, the one that saw less could be the last to replace the file.
    if (this.#running !== undefined) {
      this.#changed = true
      return
    }
    clearTimeout(this.#retryTimer)
    this.#retryTimer = undefined
    const ok = await this.attempt()
    if (this.#over.signal.aborted) return
    if (ok) this.#backoff.reset()
    else this.#retryTimer = setTimeout(() => void this.#begin(), this.#backoff.next())
    if (this.#changed) this.#settling.change()
    this.#changed = false
  }

  async #guarded(): Promise<boolean> {
    const { state, resource } = this
    const { log } = this.#settings
    try {
      await this.#keys.prepare(this.#over.signal)
      if (this.#over.signal.aborted) return false
      const snapshots = this.#keys.snapshots()
      if (snapshots === undefined) return true
      const index = Math.max(0, ...snapshots.map((one) => one.index))
      await this.#bring(snapshots)
      state.lastIndex = index
      state.lastSuccessMs = Date.now()
      if (state.error !== undefined) log.info({ template: resource.name, dest: resource.dest, index }, 'well again')
      state.error = undefined
      return true
    } catch (error) {
      // That we killed it says nothing about it. What fails by itself in its last while is told like all else.
      if (this.#kill.signal.aborted) return false
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unexpected'
      const message = reasonOf(error)
      state.failures += 1
      state.lastErrorMs = Date.now()
      // Said once, and again when it changes: an attempt a minute would fill the log.
      if (state.error?.message !== message) {
        const rest = code === 'unexpected' && error instanceof Error ? { stack: error.stack } : {}
        log.error(
          { template: resource.name, dest: resource.dest, code, ...rest },
          `the last good file stays: ${message}`,
        )
      }
      state.error = { code, message }
      return false
    }
  }

  async #bring(snapshots: readonly Snapshot[]): Promise<void> {
    const { resource, state } = this
    const { noop, syncOnly, log } = this.#settings
    const text = await this.#render(snapshots)
    state.renders += 1
    const staged = await stageFile(resource, text)
    try {
      if (noop) {
        log.info(
          { template: resource.name, dest: resource.dest, staged: staged.path },
          staged.same ? 'in sync' : 'would be replaced (noop)',
        )
        return
      }
      if (!staged.same) await this.#replace(staged)
    } finally {
      if (this.#settings.keepStageFile) log.info({ staged: staged.path }, 'keeping the staged file')
      else await staged.discard()
    }
    if (!state.owesReload) return
    if (!syncOnly) {
      const { reloadPorts } = this.#settings
      const { told, output } = await reload(resource.reload, resource.commandMs, reloadPorts, this.#kill.signal)
      if (told) state.reloads += 1
      if (output !== '') log.debug({ template: resource.name, output }, 'reload_cmd said')
    }
    state.owesReload = false
  }

  async #replace(staged: StagedFile): Promise<void> {
    const { resource, state } = this
    const { syncOnly, log } = this.#settings
    if (!syncOnly && resource.checkCommand !== undefined) await this.#check(staged.path, resource.checkCommand)
    const unsafety = await staged.replace()
    state.replaced += 1
    state.owesReload = true
    log.info({ template: resource.name, dest: resource.dest }, 'replaced')
    if (unsafety !== undefined) {
      log.warn({ dest: resource.dest }, `the file is in place, but may not outlast a loss of power: ${unsafety}`)
    }
  }

  async #check(path: string, command: string): Promise<void> {
    const { resource } = this
    const words = renderFields('check_cmd', command, { src: path, dest: resource.dest })
    const result = await runCommand(words, resource.commandMs, this.#kill.signal)
    if (result.ok) return
    // Under the name of the place it is for: the staged one is another each time.
    const said = result.output === '' ? '' : `: ${result.output.replaceAll(path, resource.dest)}`
    throw new RenderError('MUSTER_RENDER_CHECK', `check_cmd ${result.how}${said}`)
  }

  async #render(snapshots: readonly Snapshot[]): Promise<string> {
    const { resource } = this
    snapshots.forEach(({ missing }, at) => {
      if (!missing || !resource.errorOnMissingKey) return
      throw new RenderError('MUSTER_RENDER_KEY_MISSING', `${resource.keys[at]} is not in the store`)
    })
    const template = await this.#template()
    const values = new Map<string, string>()
    for (const snapshot of snapshots) {
      for (const [key, value] of snapshot.values) values.set(withoutPrefix(key, resource.prefix), value)
    }
    const missingIsEmpty = !resource.errorOnMissingKey
    return renderText(template, values, { ...this.#settings.surroundings, missingIsEmpty })
  }

  /** Read each time, so that a mended template counts at the next attempt; parsed when it is another. */
  async #template(): Promise<ParsedTemplate> {
    const { src } = this.resource
    let source: string
    try {
      source = await readFile(src, 'utf8')
    } catch (error) {
      throw new RenderError('MUSTER_RENDER_CONFIG', `cannot read ${src}: ${reasonOf(error)}`, error)
    }
    if (this.#parsed?.source !== source) this.#parsed = { source, template: parseConfdTemplate(basename(src), source) }
    return this.#parsed.template
  }
}

/** As confd takes it off: the text, not the directory. */
function withoutPrefix(key: string, prefix: string): string {
  if (prefix === '/' || !key.startsWith(prefix)) return key
  return `/${key.slice(prefix.length).replace(/^\/+/, '')}`
}
