/**
 * Who is measured: this muster, another checkout of muster, or etcd. Owns how each is started, and nothing after that.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'

/** The root of this checkout. */
export const ROOT = resolve(import.meta.dirname, '..')

/** What one member is told when it starts. */
export interface MemberOptions {
  readonly name: string
  readonly dataDir: string
  readonly clientUrl: string
  readonly peerUrl: string
  /** All members, as `name=peerUrl,…`. */
  readonly initialCluster: string
}

/** A server that can be measured. */
export interface Contender {
  /** Its name in the table. */
  readonly label: string
  readonly version: string
  /** The command line of one member. `nodeArgs` go to Node.js itself and mean nothing to etcd. */
  command(
    options: MemberOptions,
    nodeArgs: readonly string[],
  ): { readonly file: string; readonly args: readonly string[] }
}

/**
 * A contender by its name on the command line: `muster`, `etcd`, or the path of another checkout of muster.
 *
 * @throws Error when there is nothing by that name.
 */
export function contender(name: string): Contender {
  if (name === 'etcd') return etcd()
  const root = name === 'muster' ? ROOT : resolve(name)
  if (!existsSync(join(root, 'bin', 'musterd.ts')))
    throw new Error(`${root} holds no muster: bin/musterd.ts is missing`)
  return muster(root, name === 'muster' ? 'muster' : 'other muster')
}

/** Whether a program is on PATH. */
export function isInstalled(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(':')
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)))
}

/** The commit of a checkout, marked when it holds changes; `unknown` outside a repository. */
export function commitOf(root: string): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'bin').trim() !== ''
    return git('rev-parse', '--short', 'HEAD').trim() + (changed ? '+' : '')
  } catch {
    return 'unknown'
  }
}

function muster(root: string, label: string): Contender {
  return {
    label,
    version: `commit ${commitOf(root)} on Node.js ${process.versions.node}`,
    command: (options, nodeArgs) => ({
      file: process.execPath,
      args: [...nodeArgs, join(root, 'bin', 'musterd.ts'), ...commonFlags(options), '--log-level=warn'],
    }),
  }
}

function etcd(): Contender {
  const version =
    /etcd Version: (\S+)/.exec(execFileSync('etcd', ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown'
  const flags = ['--enable-v2=true', '--logger=zap', '--log-outputs=stderr', '--log-level=error']
  return {
    label: 'etcd',
    version,
    command: (options) => ({ file: 'etcd', args: [...commonFlags(options), ...flags] }),
  }
}

function commonFlags(options: MemberOptions): readonly string[] {
  return [
    `--name=${options.name}`,
    `--data-dir=${options.dataDir}`,
    `--listen-client-urls=${options.clientUrl}`,
    `--advertise-client-urls=${options.clientUrl}`,
    `--listen-peer-urls=${options.peerUrl}`,
    `--initial-advertise-peer-urls=${options.peerUrl}`,
    `--initial-cluster=${options.initialCluster}`,
    '--initial-cluster-state=new',
    '--initial-cluster-token=bench',
  ]
}
