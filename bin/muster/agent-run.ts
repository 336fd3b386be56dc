/**
 * The life of an agent's process, whatever feeds it: from its first announcement to its exit status.
 *
 * Owns: log, client, control socket, reports, signals, and the order at the end: nobody is routed here any more, then the command is
 * told to end. Leaves to others: which services (`register.ts`, `registrator.ts`).
 */
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import { MusterClient } from '../../src/client/client.ts'
import type { ClientOptions } from '../../src/client/options.ts'
import { createLog } from '../../src/log.ts'
import { Agent, STORE_REQUESTS_MAX } from '../../src/sidecar/agent.ts'
import { clientStore, requestTimeoutMs } from '../../src/sidecar/client-store.ts'
import { Control } from '../../src/sidecar/control.ts'
import type { KeyStore, RegisterLog } from '../../src/sidecar/ports.ts'
import { ReportServer } from '../../src/sidecar/report-server.ts'
import type { AnnounceSettings } from '../../src/sidecar/settings.ts'
import { StatusFile } from '../../src/sidecar/status-file.ts'
import { type AgentWords, runtimeFolder } from './agent-words.ts'
import type { Beside } from './beside.ts'

/** What an agent's services come from. */
export interface Feed {
  /** Begins to announce; resolves when everything that is there now has been taken up. */
  begin(): Promise<void>
  /** SIGHUP; undefined: the signal is the command's. */
  readonly reload: (() => void) | undefined
  /** Looks again, beside what the agent does itself for SIGUSR1. */
  resync(): void
  /** Follows no more; called before anything is removed. */
  end(): Promise<void>
  /** Gives up what kept others off; called after everything was removed. */
  release(): Promise<void>
}

/** What a feed is given. */
export interface AgentParts {
  readonly agent: Agent
  readonly store: KeyStore
  readonly log: RegisterLog
  /** Aborted when the process is told to end. */
  readonly signal: AbortSignal
}

export interface AgentRun {
  readonly words: AgentWords
  readonly settings: AnnounceSettings
  readonly connection: ClientOptions
  readonly feed: (parts: AgentParts) => Feed
  /** Starts the command that runs beside, if there is one. */
  readonly beside: (() => Beside) | undefined
  /** Between removing and telling the command to end: those who read slowly go on to be served. Milliseconds. */
  readonly lingerMs: number
}

/** Signals that end an agent. */
const ENDING = ['SIGTERM', 'SIGINT'] as const
/** Signals that are the command's alone, where there is one. */
const PASSED_ON = ['SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGHUP'] as const

type End =
  | { readonly by: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly by: 'command'; readonly status: number }

/** Runs until it is told to end, or its command ends; the exit status. @throws what beginning throws. */
export async function runAgent({ words, settings, connection, feed, beside, lingerMs }: AgentRun): Promise<number> {
  const { log, flush } = createLog({
    level: words.debug === true ? 'debug' : 'info',
    format: words.logFormat === 'json' ? 'json' : 'pretty',
    descriptor: 2,
    colours: process.stderr.isTTY === true && !process.env['NO_COLOR'],
  })
  await using client = new MusterClient({ ...connection, connectionsMax: 2 * STORE_REQUESTS_MAX })
  const store = clientStore(client, requestTimeoutMs(settings.refreshMs))
  const agent = new Agent({ store, settings, log, shutdownMs: words.shutdownTimeout, looksFirst: words.once === true })
  const over = new AbortController()
  const source = feed({ agent, store, log, signal: over.signal })
  const signals = new Signals()
  let closing: Promise<unknown> = Promise.resolve()
  const reports: { close(): Promise<void> }[] = []
  let removes = words.deregisterOnExit
  let running: Beside | undefined
  try {
    const ended = Promise.withResolvers<End>()
    for (const signal of ENDING) signals.on(signal, () => ended.resolve({ by: 'signal', signal }))
    // Before the command: whoever is told of a mistake must not find it running with nobody beside it.
    if (words.metricsAddr !== undefined) reports.push(await ReportServer.open(words.metricsAddr, agent))
    if (words.statusFile !== undefined) reports.push(new StatusFile(words.statusFile, agent, log))
    const control = words.once === true ? undefined : await Control.open(runtimeFolder(), agent, log)
    if (control !== undefined) reports.push(control)
    const started = beside?.()
    running = started
    if (started !== undefined) {
      for (const signal of PASSED_ON) signals.on(signal, () => started.kill(signal))
      void started.exited.then((status) => ended.resolve({ by: 'command', status }))
    } else {
      signals.on('SIGUSR1', () => resync(agent, source))
      signals.on('SIGUSR2', () => log.info({ instances: agent.status }, 'state'))
      signals.on('SIGHUP', () => log.info({}, 'nothing to read again'))
    }
    if (source.reload !== undefined) signals.on('SIGHUP', source.reload)

    const begun = source.begin()
    begun.catch(() => {})
    const first = await Promise.race([ended.promise, begun.then(() => undefined)])
    if (words.once === true && first === undefined) {
      await Promise.race([agent.settled(), ended.promise])
      removes = false
      return 0
    }
    const end = first ?? (await ended.promise)
    over.abort(new Error('told to end'))
    await source.end()
    closing = agent.close(words.deregisterOnExit)
    await closing
    if (end.by === 'command') return end.status
    if (running === undefined) return 0
    return await endCommand(running, end.signal, lingerMs, signals)
  } catch (error) {
    await source.end()
    closing = agent.close(removes)
    await closing
    if (running !== undefined) await endCommand(running, 'SIGTERM', lingerMs, signals)
    throw error
  } finally {
    over.abort(new Error('over'))
    signals.end()
    // Each gets its turn, whatever became of the others: what stays open would keep the process.
    const ends = await Promise.allSettled([source.end(), closing.then(() => agent.close(removes))])
    const last = await Promise.allSettled([source.release(), ...reports.map((report) => report.close())])
    for (const end of [...ends, ...last])
      if (end.status === 'rejected') log.error({ err: end.reason }, 'could not end in order')
    await flush()
  }
}

function resync(agent: Agent, source: Feed): void {
  agent.resync()
  source.resync()
}

/** Tells the command to end, now that nobody is sent to it; its exit status. */
async function endCommand(
  running: Beside,
  signal: NodeJS.Signals,
  lingerMs: number,
  signals: Signals,
): Promise<number> {
  const again = Promise.withResolvers<void>()
  for (const name of ENDING) {
    signals.on(name, () => {
      again.resolve()
      running.kill(name)
    })
  }
  const over = new AbortController()
  await Promise.race([
    wait(lingerMs, undefined, { signal: over.signal }).catch(() => {}),
    again.promise,
    running.exited,
  ])
  over.abort()
  // Ctrl-C on a terminal has reached the command already; a second one would be taken for impatience.
  if (signal !== 'SIGINT' || process.stdin.isTTY !== true) running.kill(signal)
  return running.exited
}

/** Handlers of this process's signals, one for each; the last one counts. */
class Signals {
  readonly #handlers = new Map<NodeJS.Signals, () => void>()

  on(signal: NodeJS.Signals, handler: () => void): void {
    const before = this.#handlers.get(signal)
    if (before !== undefined) process.off(signal, before)
    this.#handlers.set(signal, handler)
    process.on(signal, handler)
  }

  end(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler)
  }
}
