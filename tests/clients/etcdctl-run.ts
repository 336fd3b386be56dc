/**
 * Runs command lines of etcdctl's with a program, and makes what two runs print comparable.
 *
 * Owns: starting the program, the placeholders in command lines, masking what any two servers differ in. Asserts nothing.
 */
import { spawn } from 'node:child_process'
import { Child, NODE, ROOT } from '../support/child.ts'
import type { Command } from './etcdctl-commands.ts'

const COMMAND_MS_MAX = 60_000
/** What a command may take on a busy machine; it would be 2 s and 5 s. */
const PATIENT = ['--timeout', '20s', '--total-timeout', '30s']

/** A program with etcdctl's words. */
export interface Program {
  readonly command: string
  /** Before the words. */
  readonly args: readonly string[]
}

export const ETCDCTL: Program = { command: 'etcdctl', args: [] }
/** Ours, as an alias would start it. */
export const MUSTER: Program = { command: NODE, args: [`${ROOT}/bin/muster.ts`] }

export interface Server {
  readonly urls: readonly string[]
  readonly caFile: string | undefined
}

/** What a command printed and how it ended, without what has to differ. */
export async function run(server: Server, { args, stdin }: Command, program = ETCDCTL): Promise<string> {
  const { urls, caFile } = server
  const known: string[] = []
  for (const arg of args) {
    if (arg.startsWith('@')) known.push(`${await indexOf(urls, caFile, arg.slice(1))}`)
    else known.push(arg === '#' ? await unstartedId(urls) : arg)
  }
  const child = spawn(program.command, [...program.args, '--endpoints', urls.join(','), ...PATIENT, ...known], {
    env: environment(caFile),
    timeout: COMMAND_MS_MAX,
  })
  // Most commands read none, and may be gone before it is written.
  child.stdin.on('error', () => {})
  child.stdin.end(stdin ?? '')
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const end = await new Promise<string>((done) => child.on('close', (code, signal) => done(`${signal ?? code}`)))
  return `${mask(stdout)}--- stderr\n${mask(stderr)}--- ended ${end}`
}

/** The variables that such a program gets. */
export function environment(caFile: string | undefined): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    ETCDCTL_API: '2',
    NODE_COMPILE_CACHE: `${ROOT}/node_modules/.cache/compile`,
    ...(caFile === undefined ? {} : { ETCDCTL_CA_FILE: caFile }),
  }
}

/** The index at which a key was changed last. Through etcdctl: it knows about certificates, and auth is off. */
export async function indexOf(urls: readonly string[], caFile: string | undefined, key: string): Promise<number> {
  const said = await outputOf(['--endpoints', urls.join(','), '-o', 'json', 'get', key], caFile)
  return (JSON.parse(said) as { readonly node: { readonly modifiedIndex: number } }).node.modifiedIndex
}

async function unstartedId(urls: readonly string[]): Promise<string> {
  const said = await outputOf(['--endpoints', urls.join(','), 'member', 'list'], undefined)
  return /^([0-9a-f]+)\[unstarted\]/m.exec(said)?.[1] ?? 'none'
}

async function outputOf(args: readonly string[], caFile: string | undefined): Promise<string> {
  const child = new Child('etcdctl', args, { env: environment(caFile) })
  await child.exited
  return child.stdout
}

/** Ids, ports, indexes and times are the server's own, and so is the order in which unsorted listings and members come. */
function mask(text: string): string {
  return text
    .replace(/127\.0\.0\.1:\d+/g, 'HOST')
    .replace(/name=m\d/g, 'name=M')
    .replace(/\b[0-9a-f]{15,16}\b/g, 'ID')
    .replace(/\[\d+ != \d+\]/g, '[N != N]')
    .replace(/(Index: |"(?:modified|created)Index":|_INDEX=|\[)\d+/g, '$1N')
    .replace(/ \[N\]|(?<=\/q[-a-z]*\/)\d{20}/g, 'N')
    .replace(/(TTL: |"ttl":)\d+/g, '$1N')
    .replace(/"expiration":"[^"]*"/g, '"expiration":"T"')
    .replace(/waitIndex=\d+/g, 'waitIndex=N')
    .replace(/(?<=INITIAL_CLUSTER=")[^"]*/, (members) => members.split(',').sort().join(','))
    .split('\n')
    .sort()
    .join('\n')
}
