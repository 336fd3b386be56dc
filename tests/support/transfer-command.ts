/**
 * `muster import` and `muster export` as processes, and the servers between which they go.
 *
 * Owns: starting all of it for one test, and ending it with that. Asserts nothing.
 */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { MovedIndex } from '../../src/transfer/store-index.ts'
import { type Child, NODE, ROOT } from './child.ts'
import { curl } from './curl.ts'
import { type EtcdOptions, type RunningEtcd, startEtcd } from './etcd.ts'
import { MemberProcess, planMembers } from './member-process.ts'
import { scratchDir, startChild } from './scratch.ts'

export const MUSTER = join(ROOT, 'bin', 'muster.ts')

/** The outcome as `--json` tells it. */
export interface TransferResult {
  readonly equal: boolean
  readonly sourceNodes: number
  readonly sourceDigest: string
  readonly targetDigest: string
  readonly extras: number
  readonly refused: readonly { readonly path: string; readonly reason: string }[]
  readonly differences: readonly { readonly path: string }[]
  readonly index: MovedIndex
}

/** Starts the command. */
export function muster(...words: readonly string[]): Child {
  return startChild(NODE, [MUSTER, ...words], { env: { PATH: process.env['PATH'] } })
}

/** How it ended, and what it said. */
export async function ended(child: Child) {
  const { code } = await child.exited
  return { code, stdout: child.stdout, stderr: child.stderr }
}

/** The outcome, of one that was started with `--json`. Throws when there is none. */
export function resultOf(child: Child): TransferResult {
  const line = child.stdout.split('\n').find((text) => text.includes('"event":"result"'))
  if (line === undefined) throw new Error(`no result:\n${child.stdout}${child.stderr}`)
  return JSON.parse(line)
}

/** A member of one. @param args further words, which win over those that it has. */
export async function startMember(name = 'solo', args: readonly string[] = []): Promise<MemberProcess> {
  const [spec] = await planMembers([name], await scratchDir(), args)
  if (spec === undefined) throw new Error('one name gives one member')
  const member = new MemberProcess(spec)
  onTestFinished(async () => {
    await member.child.end()
  })
  await member.start()
  return member
}

/** A real etcd. */
export async function startSource(options: EtcdOptions = {}): Promise<RunningEtcd & { readonly url: string }> {
  const etcd = await startEtcd(options)
  onTestFinished(() => etcd.end())
  return { ...etcd, url: `http://127.0.0.1:${etcd.port}` }
}

/** `curl -X PUT`, with these fields of a form. */
export function put(url: string, path: string, ...form: readonly string[]): Promise<string> {
  return curl('-X', 'PUT', `${url}/v2/keys${path}`, ...form.flatMap((field) => ['-d', field]))
}
