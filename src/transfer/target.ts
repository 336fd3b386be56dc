/**
 * Writing nodes to the cluster that receives them.
 *
 * Owns: one write each, repeated until it is known to be done; what the cluster refuses, by name. Leaves to others: what is
 * written and in which order (copy, apply).
 */
import { ErrorCode } from '../api.ts'
import type { MusterClient } from '../client/client.ts'
import { ApiError } from '../client/errors.ts'
import type { Patience } from './patience.ts'
import type { TreeNode } from './tree.ts'

/** Refusals that are kept by name; of more, only the number is known. */
const NAMES_MAX = 1_000

export interface Refusal {
  readonly path: string
  readonly reason: string
}

/** The receiving side. */
export class Target {
  readonly client: MusterClient
  readonly patience: Patience
  readonly #refused = new Map<string, Refusal>()
  #refusedMore = 0
  /** Writes that changed something. */
  writes = 0

  constructor(client: MusterClient, patience: Patience) {
    this.client = client
    this.patience = patience
  }

  /** What was refused and has not been accepted since. */
  get refused(): readonly Refusal[] {
    return [...this.#refused.values()]
  }

  /** Whether it is among `refused`. */
  isRefused(path: string): boolean {
    return this.#refused.has(path)
  }

  /** Their number, also of those whose names are not kept. */
  get refusedCount(): number {
    return this.#refused.size + this.#refusedMore
  }

  /**
   * Writes a node, whatever its kind. False: the cluster does not take it, and `refused` says why.
   * @throws TransferError when the cluster is gone; ApiError when it does not let us in.
   */
  async put(node: TreeNode): Promise<boolean> {
    try {
      if (node.dir) await this.#putDirectory(node)
      else {
        const options = { ttl: node.ttlSeconds, brief: true }
        // Without the signal: it would cost as much as the write, which ends by itself in a moment.
        await this.patience.ask(() => this.client.set(node.path, node.value, options))
      }
      this.writes += 1
      if (this.#refused.size > 0) this.#refused.delete(node.path)
      return true
    } catch (error) {
      return this.#refuse(node.path, error)
    }
  }

  /** Writes a node that was there and fell due, unless something is there by now. @throws as `put`. */
  async putAgain(node: TreeNode): Promise<void> {
    try {
      const { path, value, ttlSeconds } = node
      await this.patience.ask((signal) =>
        node.dir
          ? this.client.mkdir(path, { ttl: ttlSeconds, signal })
          : this.client.add(path, value, { ttl: ttlSeconds, brief: true, signal }),
      )
      this.writes += 1
    } catch (error) {
      if (isCode(error, ErrorCode.keyExists) || isCode(error, ErrorCode.notFile)) return
      this.#refuse(node.path, error)
    }
  }

  /** Changes what is left of a node's time. False: it is not there. @throws as `put`. */
  async refresh(node: TreeNode, ttlSeconds: number): Promise<boolean> {
    try {
      await this.patience.ask((signal) => this.client.refresh(node.path, { ttl: ttlSeconds, signal }))
      return true
    } catch (error) {
      if (isCode(error, ErrorCode.keyNotFound)) return false
      return this.#refuse(node.path, error)
    }
  }

  /** Removes a key, an empty directory, or with `recursive` anything. What is not there is fine. @throws as `put`. */
  async remove(path: string, options: { readonly dir: boolean; readonly recursive?: boolean }): Promise<void> {
    try {
      await this.patience.ask((signal) => this.client.delete(path, { ...options, signal }))
      this.writes += 1
    } catch (error) {
      if (isCode(error, ErrorCode.keyNotFound) || isCode(error, ErrorCode.notDirectory)) return
      // Somebody else's keys are in it, and stay.
      if (isCode(error, ErrorCode.directoryNotEmpty) || isCode(error, ErrorCode.notFile)) return
      this.#refuse(path, error)
    }
  }

  /** One node; undefined when it is not there, or cannot be. @throws as `put`. */
  async peek(path: string): Promise<TreeNode | undefined> {
    try {
      return await this.patience.ask((signal) => this.client.peek(path, { signal }))
    } catch (error) {
      if (error instanceof ApiError && error.keyLimit !== undefined) return undefined
      throw error
    }
  }

  async #putDirectory(node: TreeNode): Promise<void> {
    const { path, ttlSeconds } = node
    try {
      await this.patience.ask((signal) => this.client.setDir(path, { ttl: ttlSeconds, signal }))
    } catch (error) {
      if (!isCode(error, ErrorCode.notFile)) throw error
      await this.patience.ask((signal) => this.client.updateDir(path, { ttl: ttlSeconds, signal }))
    }
  }

  #refuse(path: string, error: unknown): false {
    // Errors without a number come from something before the API, or from its guard: no other key would fare better.
    if (!(error instanceof ApiError) || error.code === 0 || error.code === ErrorCode.unauthorized) throw error
    const reason = error.message
    if (this.#refused.size < NAMES_MAX || this.#refused.has(path)) this.#refused.set(path, { path, reason })
    else this.#refusedMore += 1
    return false
  }
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof ApiError && error.code === code
}
