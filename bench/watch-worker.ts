/**
 * A thousand streaming watchers in one process, and the writer that feeds them. They count and do not parse, so that the
 * servers and not this process are the bound; their own CPU time is reported so that one can see whether that is so.
 *
 * The writer keeps a few writes ahead of the slowest count, so that nobody is dropped for being slow.
 */
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'
import { FORM_HEADERS, fillerOf, formOf } from './requests.ts'
import type { WatchMessage, WatchSpec } from './watch-spec.ts'

/** A byte that occurs in the key and nowhere else, so twice in each event: in node and in prevNode. */
const MARK = '~'
const MARKS_PER_EVENT = 2
const KEY_PATH = `/v2/keys/bench/fan${MARK}out`
/** Writes that may be under way before their events have all arrived. */
const WRITES_AHEAD_MAX = 16
const OPEN_MS_MAX = 20_000
/** How long events may take after the last write. */
const DRAIN_MS_MAX = 10_000

const spec = JSON.parse(process.argv[2] ?? '') as WatchSpec
const { hostname, port } = new URL(spec.url)
const body = formOf(fillerOf(spec.valueBytes))
const client = new Client(spec.url, { pipelining: 1 })
const errors: string[] = []
const buffer = Buffer.allocUnsafe(256 * 1024)
const mark = MARK.charCodeAt(0)
let marks = 0
let opened = 0
let closing = false
/** Called at each read of any watcher; the writer waits for it when it is far enough ahead. */
let wake: () => void = ignore

const parentSays = new Promise<void>((resolve) => process.once('message', () => resolve()))
await write()
const sockets = Array.from({ length: spec.watchers }, watch)
await until(() => opened === spec.watchers, OPEN_MS_MAX, 'watchers to open')
await feed(spec.warmUpSeconds)
say({ kind: 'ready' })
await parentSays
const cpu = process.cpuUsage()
const { events, writes, seconds } = await feed(spec.seconds)
const { user, system } = process.cpuUsage(cpu)
closing = true
for (const socket of sockets) socket.destroy()
await client.destroy()
say({ kind: 'done', events, writes, seconds, cpuMicros: user + system, errors })
process.disconnect?.()

function ignore(): void {}

/** Opens one watcher: a bare socket that reads into the one buffer that all share. */
function watch(): Socket {
  let hasHead = false
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer,
      callback: (length) => {
        if (hasHead) {
          marks += count(length)
          wake()
        } else {
          hasHead = true
          opened += 1
          if (!buffer.toString('latin1', 0, length).startsWith('HTTP/1.1 200')) errors.push('a watcher was refused')
        }
        return true
      },
    },
  })
  socket.write(`GET ${KEY_PATH}?wait=true&stream=true HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`)
  socket.on('error', () => undefined)
  socket.on('close', () => {
    if (!closing) errors.push('a watcher was closed')
  })
  return socket
}

function count(length: number): number {
  const read = buffer.subarray(0, length)
  let found = 0
  for (let at = read.indexOf(mark); at !== -1; at = read.indexOf(mark, at + 1)) found += 1
  return found
}

/** Writes for a time and waits for the events of all writes. */
async function feed(forSeconds: number): Promise<{ events: number; writes: number; seconds: number }> {
  const begin = performance.now()
  const marksBefore = marks
  const marksPerWrite = spec.watchers * MARKS_PER_EVENT
  const outstanding = () => done * marksPerWrite - (marks - marksBefore)
  let done = 0
  while (performance.now() < begin + forSeconds * 1000 && errors.length === 0) {
    await write()
    done += 1
    while (outstanding() > WRITES_AHEAD_MAX * marksPerWrite && errors.length === 0) await nextRead()
  }
  await until(() => outstanding() === 0, DRAIN_MS_MAX, 'events of all writes')
  const events = (marks - marksBefore) / MARKS_PER_EVENT
  return { events, writes: done, seconds: (performance.now() - begin) / 1000 }
}

function nextRead(): Promise<void> {
  return new Promise((resolve) => {
    const overdue = setTimeout(resolve, 100)
    wake = () => {
      clearTimeout(overdue)
      wake = ignore
      resolve()
    }
  })
}

async function write(): Promise<void> {
  const answer = await client.request({ method: 'PUT', path: KEY_PATH, headers: FORM_HEADERS, body })
  await answer.body.dump()
  if (answer.statusCode >= 300) errors.push(`a write was answered with ${answer.statusCode}`)
}

async function until(condition: () => boolean, withinMs: number, what: string): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!condition()) {
    if (performance.now() > deadline || errors.length > 0) {
      errors.push(`waited too long for ${what}`)
      return
    }
    await sleep(1)
  }
}

function say(message: WatchMessage): void {
  process.send?.(message)
}
