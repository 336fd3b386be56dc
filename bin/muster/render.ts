/**
 * `muster render`: files that follow the store, from confd's directory.
 *
 * Owns: help, signals, exit status, the command that lives with the files. Leaves to others: the work (`src/render/`), words
 * (render-words).
 */
import process from 'node:process'
import type { Command } from 'commander'
import { MusterClient } from '../../src/client/client.ts'
import { createLog } from '../../src/log.ts'
import { Agent } from '../../src/render/agent.ts'
import { SYSTEM_NAMES } from '../../src/render/names.ts'
import { KEYS_OF_ALL_MAX, readResources } from '../../src/render/resource.ts'
import { serveStatus } from '../../src/render/status.ts'
import { StoreHealth } from '../../src/render/store-health.ts'
import { Supervised } from '../../src/render/supervised.ts'
import type { RenderLog, WorkSettings } from '../../src/render/work.ts'
import { connectionOf } from './connection.ts'
import { failureText } from './exit.ts'
import { addRenderOptions, type RenderSettings, type RenderWords, settingsOf } from './render-words.ts'
import { withManners } from './words.ts'

const STATUS_INTERRUPTED = 130

const HELP = `
Takes confd's directory, templates and flags as they are; docs/render.md lists what differs and what was added. COMMAND is
started when all files are made, is told of new ones (but for --onetime), and its status is ours.

Signals: HUP reads the directory again; TERM and INT end it, and COMMAND before it.
Exit status: 0 done; 1 a file could not be made (--onetime), or nothing could be begun; else that of COMMAND.

Examples:
  muster render --onetime --endpoints http://10.0.0.1:2379
  muster render --confdir ./confd --status-addr 127.0.0.1:9120
  muster render --confdir ./confd --reload-signal HUP -- nginx -g 'daemon off;'`

/** Adds the command. */
export function addRender(program: Command): void {
  const command = program
    .command('render')
    .description("make files from templates, and again when keys change; confd's directory as it is")
    .argument('[COMMAND...]', 'behind --: a command that lives with the files')
  withManners(addRenderOptions(command), { takesDashes: true, keepsSeparator: true })
    .addHelpText('after', HELP)
    .action(async (argv: readonly string[], _options: object, self: Command) => {
      process.exitCode = await begin(self.optsWithGlobals(), argv)
    })
}

async function begin(words: RenderWords, argv: readonly string[]): Promise<number> {
  try {
    const settings = await settingsOf(words)
    const { log, flush } = createLog({
      level: settings.logLevel,
      format: 'pretty',
      descriptor: 2,
      colours: process.stderr.isTTY === true,
    })
    const status = await run(words, settings, argv, log)
    await flush()
    return status
  } catch (error) {
    if (!(error instanceof Error)) throw error
    process.stderr.write(`muster: ${failureText(error)}\n`)
    return 1
  }
}

async function run(
  words: RenderWords,
  settings: RenderSettings,
  argv: readonly string[],
  log: RenderLog,
): Promise<number> {
  if (settings.unknown.length > 0)
    log.warn({ names: settings.unknown }, 'the settings file says what means nothing here')
  const store = new StoreHealth(log)
  const child = childOf(words, argv)
  if (child === undefined && (words.reloadSignal !== undefined || words.restart === true))
    throw new Error('--reload-signal and --restart are for a COMMAND behind --, and there is none')
  const { confdir: directory, prefix } = settings
  await using client = new MusterClient({
    ...(await connectionOf(settings.connection)),
    watchesMax: KEYS_OF_ALL_MAX,
    hooks: store.hooks,
  })
  // Where nobody is told of anything, nobody need be named.
  const hasCommand = child !== undefined || settings.syncOnly || settings.noop
  const agent = new Agent({
    source: client,
    load: () => readResources({ directory, prefix, wait: words.wait, hasCommand }),
    settings: workSettings(words, settings, child, log),
    log,
  })
  const over = new AbortController()
  const { mode } = settings
  const stop = (): void => {
    // Asked twice, it does not wait for anybody.
    if (over.signal.aborted) {
      try {
        child?.signal('SIGKILL')
      } finally {
        process.exit(STATUS_INTERRUPTED)
      }
    }
    over.abort()
  }
  const reread = (): void => void agent.reread(mode === 'every' ? 'every' : 'follow', over.signal)
  process.on('SIGINT', stop).on('SIGTERM', stop)
  if (mode !== 'once') process.on('SIGHUP', reread)
  const status = words.statusAddr === undefined ? undefined : await serveStatus(words.statusAddr, agent, store)
  if (status !== undefined) log.info({ port: status.port }, 'serving the status')
  try {
    if (mode === 'once') return await once(agent, child, over.signal)
    const looking = mode === 'every' ? agent.every(settings.intervalMs, over.signal) : agent.follow(over.signal)
    if (child === undefined) {
      await looking
      return 0
    }
    return await together(looking, agent, child, over)
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', reread)
    await status?.close()
  }
}

/** All files, then the command, which lives with these. */
async function once(agent: Agent, child: Supervised | undefined, signal: AbortSignal): Promise<number> {
  if (!(await agent.once(signal))) return 1
  if (child === undefined) return 0
  if (!signal.aborted) child.start(process.env)
  await Promise.race([child.done, aborted(signal)])
  await child.end()
  return child.done
}

function aborted(signal: AbortSignal): Promise<'aborted'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('aborted')
    else signal.addEventListener('abort', () => resolve('aborted'), { once: true })
  })
}

/** The command is started when the files are there; when either ends, so does the other. */
async function together(
  looking: Promise<void>,
  agent: Agent,
  child: Supervised,
  over: AbortController,
): Promise<number> {
  const stopped = aborted(over.signal)
  // A directory that cannot be read ends it before there is anything to wait for.
  const first = await Promise.race([
    agent.ready.then(() => 'ready' as const),
    looking.then(() => 'aborted' as const),
    stopped,
  ])
  if (first === 'ready') {
    child.start(process.env)
    await Promise.race([child.done, stopped])
  }
  over.abort()
  await child.end()
  await looking
  return child.done
}

function childOf(words: RenderWords, [command, ...args]: readonly string[]): Supervised | undefined {
  if (command === undefined) return undefined
  return new Supervised({ command, args, killSignal: words.killSignal, killMs: words.killTimeout })
}

function workSettings(
  words: RenderWords,
  settings: RenderSettings,
  child: Supervised | undefined,
  log: RenderLog,
): WorkSettings {
  const tellChild = async (signal: NodeJS.Signals | undefined): Promise<boolean> => {
    // Before it is started it has nothing to be told: it will read the new file.
    if (child === undefined || !child.running) return false
    if (words.restart !== true) return child.tell(signal ?? words.reloadSignal ?? 'SIGHUP')
    await child.restart(process.env)
    return true
  }
  return {
    noop: settings.noop,
    syncOnly: settings.syncOnly,
    keepStageFile: settings.keepStageFile,
    surroundings: { env: process.env, nowMs: Date.now, resolver: SYSTEM_NAMES, utc: false },
    reloadPorts: { tellChild: child === undefined ? undefined : tellChild, dockerHost: process.env['DOCKER_HOST'] },
    log,
  }
}
