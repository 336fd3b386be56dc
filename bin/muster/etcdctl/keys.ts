/**
 * `muster get`, `set`, `mk`, `update`, `rm` and those for directories: etcdctl's commands on keys.
 *
 * Owns: their words, what each asks, values from standard input. Leaves to others: the way to a server (cluster), how
 * outcomes are shown (print).
 */
import { Buffer } from 'node:buffer'
import process from 'node:process'
import type { Command } from 'commander'
import type { EventJson, NodeJson } from '../../../src/client/node.ts'
import type { ConnectionWords } from '../connection.ts'
import { integer } from '../go-values.ts'
import { Cluster, parseJson, type Question } from './cluster.ts'
import { acting, command, examples } from './command.ts'
import { AskFailed, CommandFailed, INVALID_JSON, reported, STATUS } from './failures.ts'
import { encodePairs, keyUrl, type Pairs } from './go-url.ts'
import { print, printEvent } from './print.ts'

/** Bytes of a value that standard input may hold: more than any member takes. */
const STDIN_BYTES_MAX = 64 * 1024 * 1024

interface KeyWords extends ConnectionWords {
  readonly ttl?: number
  readonly inOrder?: boolean
  readonly dir?: boolean
  readonly recursive?: boolean
  readonly withValue?: string
  readonly withIndex?: number
  readonly swapWithValue?: string
  readonly swapWithIndex?: number
  readonly sort?: boolean
  readonly quorum?: boolean
  readonly p?: boolean
}

const TTL = ['--ttl <SECONDS>', 'time to live; 0: for ever', integer] as const

/** Adds the commands. */
export function addKeyCommands(program: Command): void {
  command(program, 'mk', 'make a key that is not there yet', '<key> [value]')
    .option('--in-order', 'make a key below <key>, with a name that sorts behind all before it')
    .option(...TTL)
    .addHelpText('after', examples('mk /lock mine --ttl 30', 'mk --in-order /queue job', 'echo job | muster mk /a'))
    .action(onKey(make))
  command(program, 'mkdir', 'make a directory that is not there yet', '<key>')
    .option(...TTL)
    .addHelpText('after', examples('mkdir /services', 'mkdir /sessions/1 --ttl 60'))
    .action(onKey((cluster, key, words) => putDirectory(cluster, key, words, 'false')))
  command(program, 'rm', 'remove a key or a directory', '<key>')
    .option('--dir', 'an empty directory too')
    .option('-r, --recursive', 'with all that is below')
    .option('--with-value <VALUE>', 'only while it has this value')
    .option('--with-index <INDEX>', 'only while it was last changed at this index', integer)
    .addHelpText('after', examples('rm /a', 'rm /services -r', 'rm /lock --with-value mine'))
    .action(onKey(remove))
  command(program, 'rmdir', 'remove a key or an empty directory', '<key>')
    .addHelpText('after', examples('rmdir /services'))
    .action(onKey((cluster, key, words) => remove(cluster, key, { ...words, dir: true })))
  command(program, 'get', 'print the value of a key', '<key>')
    .option('--sort', 'in the order of names')
    .option('-q, --quorum', 'read what a majority agrees on')
    .addHelpText('after', examples('get /a', 'get /a --quorum', '-o json get /a'))
    .action(onKey(get))
  command(program, 'ls', 'list a directory', '[key]')
    .option('--sort', 'in the order of names')
    .option('-r, --recursive', 'with all that is below')
    .option('-p', 'a slash behind directories')
    .option('-q, --quorum', 'read what a majority agrees on')
    .addHelpText('after', examples('ls', 'ls /services -r -p --sort'))
    .action(onKey(list, '/'))
  command(program, 'set', 'write the value of a key', '<key> [value]')
    .option(...TTL)
    .option('--swap-with-value <VALUE>', 'only while it has this value')
    .option('--swap-with-index <INDEX>', 'only while it was last changed at this index', integer)
    .addHelpText('after', examples('set /a 1', 'set /a --ttl 30 <file', 'set /a 2 --swap-with-value 1', 'set -- /a -5'))
    .action(onKey(set))
  command(program, 'setdir', 'make a directory, also in place of a key', '<key>')
    .option(...TTL)
    .addHelpText('after', examples('setdir /services'))
    .action(onKey((cluster, key, words) => putDirectory(cluster, key, words, undefined)))
  command(program, 'update', 'write the value of a key that is there', '<key> [value]')
    .option(...TTL)
    .addHelpText('after', examples('update /a 2'))
    .action(onKey(update))
  command(program, 'updatedir', 'change the time to live of a directory', '<key>')
    .option(...TTL)
    .addHelpText('after', examples('updatedir /sessions/1 --ttl 60'))
    .action(onKey((cluster, key, words) => putDirectory(cluster, key, words, 'true')))
}

type Work = (cluster: Cluster, key: string, words: KeyWords, args: readonly string[]) => Promise<void>

/** A command's action: finds the cluster, then the key among the words. */
function onKey(work: Work, keyDefault?: string): ReturnType<typeof acting> {
  return acting(async (made) => {
    const words: KeyWords = made.optsWithGlobals()
    await using cluster = await Cluster.open(words)
    const key = made.args[0] ?? keyDefault
    if (key === undefined) throw new CommandFailed(STATUS.wrong, 'Error:  key required')
    try {
      await work(cluster, key, words, made.args)
    } catch (error) {
      throw reported(STATUS.refused, error)
    }
  })
}

async function make(cluster: Cluster, key: string, words: KeyWords, args: readonly string[]): Promise<void> {
  const form = { value: await readValue(args), ttl: ttlOf(words) }
  const found =
    words.inOrder === true
      ? await ask(cluster, { method: 'POST', target: keyUrl(key, {}), body: encodePairs(form) })
      : await put(cluster, key, { prevExist: 'false' }, form, true)
  printEvent(found.event, found.index, words.output)
}

async function set(cluster: Cluster, key: string, words: KeyWords, args: readonly string[]): Promise<void> {
  const form = { value: await readValue(args), ttl: ttlOf(words) }
  const query = { prevValue: words.swapWithValue || undefined, prevIndex: indexOf(words.swapWithIndex) }
  const { event, index } = await put(cluster, key, query, form)
  printEvent(event, index, words.output)
}

async function update(cluster: Cluster, key: string, words: KeyWords, args: readonly string[]): Promise<void> {
  const form = { value: await readValue(args), ttl: ttlOf(words) }
  const { event, index } = await put(cluster, key, { prevExist: 'true' }, form)
  printEvent(event, index, words.output)
}

/** @param prevExist What must hold of the directory before; undefined: nothing. */
async function putDirectory(
  cluster: Cluster,
  key: string,
  words: KeyWords,
  prevExist: 'true' | 'false' | undefined,
): Promise<void> {
  const once = prevExist === 'false'
  const { event, index } = await put(cluster, key, { dir: 'true', prevExist }, { ttl: ttlOf(words) }, once)
  if (!isSimple(words)) printEvent(event, index, words.output)
}

async function remove(cluster: Cluster, key: string, words: KeyWords): Promise<void> {
  const query = {
    dir: words.dir,
    recursive: words.recursive,
    prevValue: words.withValue || undefined,
    prevIndex: indexOf(words.withIndex),
  }
  const { event, index } = await ask(cluster, { method: 'DELETE', target: keyUrl(key, query), once: true })
  if (event.node.dir !== true || !isSimple(words)) printEvent(event, index, words.output)
}

async function get(cluster: Cluster, key: string, words: KeyWords): Promise<void> {
  const { event, index } = await read(cluster, key, words)
  if (event.node.dir === true) throw new CommandFailed(STATUS.wrong, `${event.node.key ?? ''}: is a directory`)
  printEvent(event, index, words.output)
}

async function list(cluster: Cluster, key: string, words: KeyWords): Promise<void> {
  const { event, index } = await read(cluster, key, words)
  const { node } = event
  if (!isSimple(words)) {
    printEvent(event, index, words.output)
    return
  }
  const lines: string[] = node.dir === true ? [] : [node.key ?? '']
  for (const below of node.nodes ?? []) collect(below, words.p === true, lines)
  if (lines.length > 0) print(lines.join('\n'))
}

function collect(node: NodeJson, slash: boolean, lines: string[]): void {
  lines.push(`${node.key ?? ''}${slash && node.dir === true ? '/' : ''}`)
  for (const below of node.nodes ?? []) collect(below, slash, lines)
}

interface FoundEvent {
  readonly event: EventJson
  readonly index: number
}

function read(cluster: Cluster, key: string, { sort, quorum, recursive }: KeyWords): Promise<FoundEvent> {
  const query = { quorum: quorum === true, recursive: recursive === true, sorted: sort === true }
  return ask(cluster, { method: 'GET', target: keyUrl(key, query) })
}

function put(cluster: Cluster, key: string, query: Pairs, form: Pairs, once = false): Promise<FoundEvent> {
  return ask(cluster, { method: 'PUT', target: keyUrl(key, query), body: encodePairs(form), once })
}

/** @throws AskFailed with the server's words when it says no. */
async function ask(cluster: Cluster, question: Question): Promise<FoundEvent> {
  const { status, index, text } = await cluster.ask(question)
  if (status === 200 || status === 201) return { event: eventOf(text), index }
  throw new AskFailed(refusal(text))
}

/** An event; @throws AskFailed when the text is none. */
export function eventOf(text: string): EventJson {
  if (text === '') throw new AskFailed('client: response body is empty')
  const event = parseJson(text) as EventJson | null
  if (typeof event?.action !== 'string') throw new AskFailed(INVALID_JSON)
  return { ...event, node: event.node ?? {} }
}

/** The error of the keys API in etcdctl's words. @throws AskFailed when the text is none. */
export function refusal(text: string): string {
  const said = parseJson(text) as { errorCode?: number; message?: string; cause?: string; index?: number } | null
  return `${said?.errorCode ?? 0}: ${said?.message ?? ''} (${said?.cause ?? ''}) [${said?.index ?? 0}]`
}

/** 0: none. A negative one becomes the index that Go makes of it, which no key has: the comparison fails, as etcdctl's does. */
function indexOf(given = 0): string | undefined {
  return given === 0 ? undefined : `${BigInt.asUintN(64, BigInt(given))}`
}

/** Of directories etcdctl says nothing in this form. */
function isSimple({ output = 'simple' }: KeyWords): boolean {
  return output === 'simple'
}

/** Not positive: none, as etcdctl takes it. */
function ttlOf({ ttl = 0 }: KeyWords): number | undefined {
  return ttl > 0 ? ttl : undefined
}

/** The second word, or all of standard input. @throws CommandFailed when there is neither. */
async function readValue(args: readonly string[]): Promise<string | Buffer> {
  const [, value] = args
  if (value !== undefined) return value
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > STDIN_BYTES_MAX) throw new CommandFailed(STATUS.wrong, 'Error:  value is longer than 64 MiB')
    pieces.push(piece)
  }
  if (bytes === 0) throw new CommandFailed(STATUS.wrong, 'Error:  value required')
  return Buffer.concat(pieces)
}
