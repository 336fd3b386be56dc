#!/usr/bin/env node
/**
 * The server's command: read the options, start what they say, stop it on signals.
 *
 * Owns: the process: its arguments, standard streams, signals and exit status. Imports the rest only after the runtime was
 * found fit, so that an old Node.js gets a sentence and not a stack.
 */
import { openSync } from 'node:fs'
import nodeModule from 'node:module'
import process from 'node:process'
import type { Running } from '../src/start.ts'

/** How long a stop may take before the process ends anyway. Supervisors commonly kill after 10 s. */
const STOP_MS_MAX = 5_000
/** Two signals in so short a time are one: under npm, Ctrl-C comes from the terminal and again from npm. */
const SAME_SIGNAL_MS = 1_000

checkRuntime()
// Compiled code is kept among the system's temporary files, so that the next start takes half the time; it may fail.
nodeModule.enableCompileCache()
// Whoever read the output may go away; that is no reason to stop serving.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const { loadConfig } = await import('../src/config/load.ts')
const loaded = loadConfig(process.argv.slice(2), process.env)
if ('exit' in loaded) {
  process.stdout.write(loaded.exit.stdout ?? '')
  process.stderr.write(loaded.exit.stderr ?? '')
  process.exit(loaded.exit.code)
}
const { config, warnings } = loaded

const { createLog } = await import('../src/log.ts')
const { log, flush } = createLog({
  level: config.logLevel,
  format: config.logFormat,
  descriptor: logDescriptor(config.logOutput),
  colours: config.logOutput === 'stderr' && process.stderr.isTTY && process.env['NO_COLOR'] === undefined,
})
for (const warning of warnings) log.warn(warning)

let stoppingSinceMs: number | undefined
let started: Running | undefined
process.on('SIGTERM', stop)
process.on('SIGINT', stop)

const { start } = await import('../src/start.ts')
const running = await start(config, log).catch(fail)
started = running
void running.finished.then((fatal) => (fatal === undefined ? end(0) : fail(fatal)))
await running.ready.catch(fail)

nodeModule.flushCompileCache()
process.stdout.write(`musterd is ready: ${running.describe()}\n`)

/** A file is appended to, and made for this user's group and no one else when it is missing. */
function logDescriptor(output: string): number {
  if (output === 'stderr') return process.stderr.fd
  if (output === 'stdout') return process.stdout.fd
  try {
    return openSync(output, 'a', 0o640)
  } catch (error) {
    process.stderr.write(`musterd: cannot write the log to ${output}: ${(error as Error).message}\n`)
    process.exit(1)
  }
}

/** The first signal stops in order; a second one ends at once. While the data is still being read there is nothing to stop. */
function stop(signal: NodeJS.Signals): void {
  const nowMs = performance.now()
  if (stoppingSinceMs !== undefined) {
    if (nowMs - stoppingSinceMs > SAME_SIGNAL_MS) process.exit(1)
    return
  }
  stoppingSinceMs = nowMs
  log.info({ signal }, 'stopping')
  if (started === undefined) {
    void end(0)
    return
  }
  setTimeout(() => {
    process.stderr.write(`musterd: gave up stopping in order after ${STOP_MS_MAX} ms\n`)
    process.exit(1)
  }, STOP_MS_MAX)
  started.stop().then(() => end(0), fail)
}

/** A condition that ends the process: one sentence, no stack. Anything else is a fault of ours and keeps its stack. */
async function fail(error: unknown): Promise<never> {
  const known = error instanceof Error && 'code' in error && String(error.code).startsWith('MUSTER_')
  const text = known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
  await flush()
  process.stderr.write(`musterd: ${text}\n`)
  return end(1)
}

/** Ends the process once its log is written. */
async function end(status: 0 | 1): Promise<never> {
  await flush()
  process.exit(status)
}

function checkRuntime(): void {
  const wanted = 24
  const major = Number(process.versions.node.split('.', 1)[0])
  if (major >= wanted) return
  process.stderr.write(`musterd: needs Node.js ${wanted} or newer, this is ${process.versions.node}\n`)
  process.exit(1)
}
