/**
 * One member as a real process: `musterd` under the pinned Node.js on free ports of loopback.
 *
 * Owns: its command line, its lives (a member can be killed and started again on its data), and all its output.
 */
import { join } from 'node:path'
import { Child, type Exit, NODE, ROOT } from './child.ts'
import { freePort } from './free-port.ts'

export const MUSTERD = join(ROOT, 'bin/musterd.ts')

export interface MemberSpec {
  readonly name: string
  readonly dataDir: string
  readonly clientPort: number
  readonly peerPort: number
  /** `--initial-cluster`; this member alone when missing. */
  readonly initialCluster?: string
  /** Further words for the command line. */
  readonly args?: readonly string[]
  /** Words for Node.js itself. */
  readonly nodeArgs?: readonly string[]
}

/** Names, ports and folders for members that form one cluster. */
export async function planMembers(
  names: readonly string[],
  folder: string,
  args: readonly string[] = [],
): Promise<readonly MemberSpec[]> {
  const specs: MemberSpec[] = []
  for (const name of names) {
    specs.push({ name, dataDir: join(folder, name), clientPort: await freePort(), peerPort: await freePort(), args })
  }
  const initialCluster = specs.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`).join(',')
  return specs.map((spec) => ({ ...spec, initialCluster }))
}

/** The words after `musterd` that start such a member. */
export function memberArgs(spec: MemberSpec): string[] {
  const client = `http://127.0.0.1:${spec.clientPort}`
  const peer = `http://127.0.0.1:${spec.peerPort}`
  return [
    ...['--name', spec.name, '--data-dir', spec.dataDir],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', spec.initialCluster ?? `${spec.name}=${peer}`],
    ...(spec.args ?? []),
  ]
}

export class MemberProcess {
  readonly spec: MemberSpec
  readonly url: string
  readonly #lives: Child[] = []

  constructor(spec: MemberSpec) {
    this.spec = spec
    this.url = `http://127.0.0.1:${spec.clientPort}`
  }

  get name(): string {
    return this.spec.name
  }

  /** The present process, or the last one. Throws when it was never started. */
  get child(): Child {
    const child = this.#lives.at(-1)
    if (child === undefined) throw new Error(`member ${this.name} was never started`)
    return child
  }

  get running(): boolean {
    return this.#lives.length > 0 && this.child.exit === undefined
  }

  /** Everything that all its processes said, for a failure's report and for looking up log lines. */
  get output(): string {
    return this.#lives.map((child) => child.stdout + child.stderr).join('')
  }

  /** Starts a process on its data and ports. Returns before it serves; see `untilReady`. */
  spawn(): void {
    if (this.running) throw new Error(`member ${this.name} runs already`)
    this.#lives.push(new Child(NODE, [...(this.spec.nodeArgs ?? []), MUSTERD, ...memberArgs(this.spec)]))
  }

  /** Waits for the line that says that it serves. */
  async untilReady(): Promise<void> {
    await this.child.untilOutput(/^musterd is ready: .*$/m)
  }

  async start(): Promise<void> {
    this.spawn()
    await this.untilReady()
  }

  /** `kill -9`, and waits until it is gone. */
  kill(): Promise<Exit> {
    return this.child.end()
  }

  /** SIGTERM; resolves with how it ended. */
  terminate(): Promise<Exit> {
    this.child.kill('SIGTERM')
    return this.child.exited
  }
}
