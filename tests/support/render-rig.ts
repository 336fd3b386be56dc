/**
 * A directory of templates, a member in this process behind a wire that can be cut, and an agent that follows it.
 *
 * Owns: the directory, the log, starting and ending with the test. Asserts nothing.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { MusterClient } from '../../src/client/client.ts'
import { Agent } from '../../src/render/agent.ts'
import type { ReloadPorts } from '../../src/render/reload.ts'
import { readResources } from '../../src/render/resource.ts'
import { StoreHealth } from '../../src/render/store-health.ts'
import type { RenderLog, WorkSettings } from '../../src/render/work.ts'
import type { StoreOptions } from '../../src/store/options.ts'
import { FakeMember } from './fake-member.ts'
import { type HttpMember, startHttp } from './http-member.ts'
import { clientOf } from './odd-server.ts'
import { scratchDir } from './scratch.ts'
import { deadPort, TcpProxy } from './tcp-proxy.ts'

/** A log that keeps what it is told, as `level message`. */
export class LogBook implements RenderLog {
  readonly lines: string[] = []

  debug(_fields: object, message: string): void {
    this.lines.push(`debug ${message}`)
  }

  info(_fields: object, message: string): void {
    this.lines.push(`info ${message}`)
  }

  warn(_fields: object, message: string): void {
    this.lines.push(`warn ${message}`)
  }

  error(_fields: object, message: string): void {
    this.lines.push(`error ${message}`)
  }
}

export interface RenderRig {
  readonly http: HttpMember
  /** Writes to the store, not by the wire. */
  readonly client: MusterClient
  readonly folder: string
  readonly store: StoreHealth
  readonly log: LogBook
  readonly agent: Agent
  readonly over: AbortController
  /** Path in the folder. */
  path(name: string): string
  /** Writes a template resource: `conf.d/NAME.toml` and `templates/NAME.tmpl`. Its file is `path(NAME)`. */
  template(name: string, source: string, toml: string): Promise<void>
  /** What a file holds; undefined: it is not there. */
  read(name: string): Promise<string | undefined>
  /** The agent finds nobody any more, or somebody again. */
  takeStoreAway(): void
  bringStoreBack(): void
  /** Begins to follow. It ends with the test. */
  follow(): void
}

export interface RenderRigOptions {
  readonly settings?: Partial<WorkSettings>
  readonly reloadPorts?: Partial<ReloadPorts>
  readonly storeOptions?: StoreOptions
}

export async function startRenderRig(options: RenderRigOptions = {}): Promise<RenderRig> {
  const http = await startHttp({}, new FakeMember(options.storeOptions))
  onTestFinished(() => http.close())
  const dead = await deadPort()
  let isAway = false
  const wire = await new TcpProxy(() => (isAway ? dead : http.port)).listen()
  onTestFinished(() => wire.close())
  const folder = await scratchDir()
  for (const name of ['conf.d', 'templates']) await mkdir(join(folder, name))
  const log = new LogBook()
  const store = new StoreHealth(log)
  const source = clientOf([wire.url], { hooks: store.hooks })
  const hasCommand = options.reloadPorts?.tellChild !== undefined
  const agent = new Agent({
    source,
    load: () => readResources({ directory: folder, prefix: '', wait: undefined, hasCommand }),
    settings: {
      noop: false,
      syncOnly: false,
      keepStageFile: false,
      surroundings: { env: {}, nowMs: Date.now, resolver: NOBODY, utc: true },
      reloadPorts: { tellChild: undefined, dockerHost: undefined, ...options.reloadPorts },
      log,
      ...options.settings,
    },
    log,
  })
  const over = new AbortController()
  const path = (name: string): string => join(folder, name)
  return {
    http,
    client: clientOf([`http://127.0.0.1:${http.port}`]),
    folder,
    store,
    log,
    agent,
    over,
    path,
    template: async (name, source, toml) => {
      await writeFile(path(`templates/${name}.tmpl`), source)
      const text = `[template]\nsrc = "${name}.tmpl"\ndest = "${path(name)}"\n${toml}\n`
      await writeFile(path(`conf.d/${name}.toml`), text)
    },
    read: async (name) => {
      try {
        return await readFile(path(name), 'utf8')
      } catch {
        return undefined
      }
    },
    takeStoreAway: () => {
      isAway = true
      wire.cut()
    },
    bringStoreBack: () => {
      isAway = false
    },
    follow: () => {
      const following = agent.follow(over.signal)
      onTestFinished(async () => {
        over.abort()
        await following
        await rm(folder, { recursive: true, force: true })
      })
    },
  }
}

const NOBODY = { addresses: () => Promise.resolve([]), services: () => Promise.resolve([]) }
