/**
 * The keyspace again, as simply as can be: a flat map from path to node, written from the API page alone.
 *
 * Owns: a second opinion on every outcome, event and listing. Slow on purpose; shares nothing with the store but shapes.
 */
import type { Command, CompareAndSwapCommand, Ttl } from '../../src/store/command.ts'
import type { Event } from '../../src/store/event.ts'
import type { NodeView } from '../../src/store/node.ts'
import type { Outcome } from '../../src/store/outcome.ts'

export interface NaiveNode {
  value: string | undefined
  created: number
  modified: number
  deadline: number | undefined
  expiration: number
}

/** An event, and which paths existed below the directory that it took away. */
export interface NaiveEvent {
  readonly event: Event
  readonly removed: readonly string[]
}

const YEAR_2000_MS = Date.UTC(2000, 0, 1)

export class NaiveStore {
  readonly nodes = new Map<string, NaiveNode>()
  /** Everything that watchers and the history hear of, from the first on. */
  readonly events: NaiveEvent[] = []
  index = 0
  clock = 0

  apply(command: Command): Outcome {
    switch (command.kind) {
      case 'set':
        return this.#set(command.path, command.value, command.dir, command.ttl, command.refresh)
      case 'create':
        return command.inOrder
          ? this.#create(
              `${command.path === '/' ? '' : command.path}/${String(this.index + 1).padStart(20, '0')}`,
              command,
            )
          : this.#create(command.path, command)
      case 'update':
        return this.#update(command.path, command.value, command.ttl, command.refresh)
      case 'compareAndSwap':
        return this.#swap(command)
      case 'delete':
        return this.#delete(command.path, command.dir, command.recursive)
      case 'compareAndDelete':
        return this.#swapOut(command.path, command.prevIndex, command.prevValue)
      default:
        throw new Error(`not a client's command: ${command.kind}`)
    }
  }

  expire(): void {
    for (;;) {
      const due = this.#deadlines()[0]
      if (due === undefined || due.deadline > this.clock) return
      const node = this.nodes.get(due.path) as NaiveNode
      this.#remove(due.path, node, 'expire')
    }
  }

  nextDeadline(): number | undefined {
    return this.#deadlines()[0]?.deadline
  }

  isDir(path: string): boolean {
    return path === '/' || (this.nodes.has(path) && this.nodes.get(path)?.value === undefined)
  }

  /** Paths below a directory. */
  below(path: string): string[] {
    return [...this.nodes.keys()].filter((other) => other.startsWith(path === '/' ? '/' : `${path}/`))
  }

  view(path: string, node: NaiveNode): NodeView {
    return {
      key: path,
      value: node.value,
      dir: node.value === undefined,
      expirationMs: node.deadline === undefined ? undefined : node.expiration,
      ttlSeconds: node.deadline === undefined ? 0 : Math.ceil((node.deadline - this.clock) / 1000) || 0,
      modifiedIndex: node.modified,
      createdIndex: node.created,
    }
  }

  #deadlines(): { path: string; deadline: number }[] {
    return [...this.nodes]
      .flatMap(([path, { deadline }]) => (deadline === undefined ? [] : [{ path, deadline }]))
      .sort((a, b) => a.deadline - b.deadline || (a.path < b.path ? -1 : 1))
  }

  #no(code: 100 | 101 | 102 | 104 | 105 | 107 | 108, cause: string): Outcome {
    return { ok: false, code, cause, storeIndex: this.index }
  }

  #ancestors(path: string): string[] {
    const parts = path.split('/').slice(1, -1)
    return parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`)
  }

  /** 104 when a file is in the way. */
  #inTheWay(path: string): Outcome | undefined {
    const file = this.#ancestors(path).find((ancestor) => this.nodes.has(ancestor) && !this.isDir(ancestor))
    return file === undefined ? undefined : this.#no(104, file)
  }

  /** 104 or 100 when there is no such node. */
  #missing(path: string): Outcome | undefined {
    if (path === '/' || this.nodes.has(path)) return undefined
    const missing = [...this.#ancestors(path), path].find((ancestor) => !this.nodes.has(ancestor)) as string
    return this.#inTheWay(path) ?? this.#no(100, missing)
  }

  #deadline(ttl: Ttl | undefined): { deadline: number | undefined; expiration: number } {
    return {
      deadline: ttl === undefined ? undefined : Math.max(1, this.clock + ttl.ms),
      expiration: ttl?.expirationMs ?? 0,
    }
  }

  #write(path: string, value: string | undefined, created: number, modified: number, ttl: Ttl | undefined): NaiveNode {
    for (const ancestor of this.#ancestors(path)) {
      if (this.nodes.has(ancestor)) continue
      this.nodes.set(ancestor, {
        value: undefined,
        created: this.index,
        modified: this.index,
        deadline: undefined,
        expiration: 0,
      })
    }
    const node = { value, created, modified, ...this.#deadline(ttl) }
    this.nodes.set(path, node)
    return node
  }

  #yes(
    action: Event['action'],
    node: NodeView,
    prevNode: NodeView | undefined,
    more: { created?: boolean; refresh?: boolean; removed?: string[] } = {},
  ): Outcome {
    const refresh = more.refresh ?? false
    const event: Event = {
      index: this.index,
      action,
      node,
      prevNode,
      created: more.created ?? false,
      refresh,
      rendered: undefined,
    }
    if (!refresh) this.events.push({ event, removed: more.removed ?? [] })
    return { ok: true, event }
  }

  #set(path: string, value: string, dir: boolean, ttl: Ttl | undefined, refresh: boolean): Outcome {
    const inTheWay = this.#inTheWay(path)
    if (inTheWay !== undefined) return inTheWay
    const missing = this.#missing(path)
    if (refresh && missing !== undefined) return missing
    if (path === '/') return this.#no(107, '/')
    const old = this.nodes.get(path)
    if (old !== undefined && this.isDir(path)) return this.#no(102, path)
    const prev = old === undefined ? undefined : this.view(path, old)
    this.index += 1
    const kept = refresh ? old?.value : value
    const node = this.#write(path, dir ? undefined : kept, this.index, this.index, since2000(ttl))
    return this.#yes('set', this.view(path, node), prev, { created: old === undefined, refresh })
  }

  #create(path: string, command: { value: string; dir: boolean; ttl: Ttl | undefined }): Outcome {
    if (path === '/') return this.#no(107, '/')
    const inTheWay = this.#inTheWay(path)
    if (inTheWay !== undefined) return inTheWay
    if (this.nodes.has(path)) return this.#no(105, path)
    this.index += 1
    const value = command.dir ? undefined : command.value
    const node = this.#write(path, value, this.index, this.index, since2000(command.ttl))
    return this.#yes('create', this.view(path, node), undefined, { created: true })
  }

  #update(path: string, value: string, ttl: Ttl | undefined, refresh: boolean): Outcome {
    if (path === '/') return this.#no(107, '/')
    const missing = this.#missing(path)
    if (missing !== undefined) return missing
    const old = this.nodes.get(path) as NaiveNode
    const dir = this.isDir(path)
    if (dir && value !== '') return this.#no(102, path)
    const prev = this.view(path, old)
    this.index += 1
    const node = dir
      ? this.#write(path, undefined, old.created, old.modified, ttl)
      : this.#write(path, refresh ? old.value : value, old.created, this.index, ttl)
    return this.#yes('update', { ...this.view(path, node), modifiedIndex: this.index }, prev, { refresh })
  }

  #compare(node: NaiveNode, prevIndex: number | bigint, prevValue: string): Outcome | undefined {
    const causes: string[] = []
    if (prevValue !== '' && prevValue !== node.value) causes.push(`[${prevValue} != ${node.value}]`)
    if (prevIndex !== 0 && prevIndex !== node.modified) causes.push(`[${prevIndex} != ${node.modified}]`)
    return causes.length === 0 ? undefined : this.#no(101, causes.join(' '))
  }

  #swap({ path, value, ttl, refresh, prevIndex, prevValue }: CompareAndSwapCommand): Outcome {
    if (path === '/') return this.#no(107, '/')
    const missing = this.#missing(path)
    if (missing !== undefined) return missing
    if (this.isDir(path)) return this.#no(102, path)
    const old = this.nodes.get(path) as NaiveNode
    const differs = this.#compare(old, prevIndex, prevValue)
    if (differs !== undefined) return differs
    const prev = this.view(path, old)
    this.index += 1
    const node = this.#write(path, refresh ? old.value : value, old.created, this.index, ttl)
    return this.#yes('compareAndSwap', this.view(path, node), prev, { refresh })
  }

  #delete(path: string, dir: boolean, recursive: boolean): Outcome {
    if (path === '/') return this.#no(107, '/')
    const missing = this.#missing(path)
    if (missing !== undefined) return missing
    if (this.isDir(path) && !dir && !recursive) return this.#no(102, path)
    if (this.isDir(path) && !recursive && this.below(path).length > 0) return this.#no(108, path)
    return this.#remove(path, this.nodes.get(path) as NaiveNode, 'delete')
  }

  #swapOut(path: string, prevIndex: number | bigint, prevValue: string): Outcome {
    const missing = this.#missing(path)
    if (missing !== undefined) return missing
    if (this.isDir(path)) return this.#no(102, path === '/' ? '' : path)
    const old = this.nodes.get(path) as NaiveNode
    return this.#compare(old, prevIndex, prevValue) ?? this.#remove(path, old, 'compareAndDelete')
  }

  #remove(path: string, old: NaiveNode, action: 'delete' | 'compareAndDelete' | 'expire'): Outcome {
    const prev = this.view(path, old)
    const removed = this.below(path)
    this.index += 1
    for (const gone of [path, ...removed]) this.nodes.delete(gone)
    const node: NodeView = {
      key: path,
      value: undefined,
      dir: prev.dir,
      expirationMs: undefined,
      ttlSeconds: 0,
      modifiedIndex: this.index,
      createdIndex: old.created,
    }
    return this.#yes(action, node, prev, { removed })
  }
}

function since2000(ttl: Ttl | undefined): Ttl | undefined {
  return ttl !== undefined && ttl.expirationMs < YEAR_2000_MS ? undefined : ttl
}
