/**
 * A store of keys over the client.
 *
 * Owns: which answers of the API are outcomes here, and how long a request may take. Leaves to others: connections, fail-over
 * (the client), what to do about failures (registration).
 */
import { ErrorCode } from '../api.ts'
import { ApiError } from '../client/errors.ts'
import { type CallOptions, isNothingThere, type Keys } from '../client/keys.ts'
import type { KeyStore, StoredKey } from './ports.ts'

/** What is asked of a client. */
export type KeysClient = Pick<
  Keys,
  'get' | 'set' | 'add' | 'setDir' | 'updateDir' | 'refresh' | 'cad' | 'delete' | 'list'
>

/** Requests for one call, fail-over included; whoever calls tries again for ever. */
const ATTEMPTS_MAX = 3
const TIMEOUT_MS_MIN = 1_000
const TIMEOUT_MS_MAX = 5_000

/** How long one request may take, so that several fit between two heartbeats. Milliseconds. */
export function requestTimeoutMs(refreshMs: number): number {
  return Math.round(Math.min(TIMEOUT_MS_MAX, Math.max(TIMEOUT_MS_MIN, refreshMs / 2)))
}

/** @param timeoutMs for one request */
export function clientStore(client: KeysClient, timeoutMs: number): KeyStore {
  const call = (signal: AbortSignal): CallOptions => ({ signal, timeoutMs, attemptsMax: ATTEMPTS_MAX })

  async function read(path: string, signal: AbortSignal): Promise<StoredKey | undefined> {
    try {
      const { node } = await client.get(path, { ...call(signal), quorum: true })
      return { value: node.value ?? '', directory: node.dir === true, permanent: node.ttl === undefined }
    } catch (error) {
      if (isNothingThere(error)) return undefined
      throw error
    }
  }

  return {
    read,
    async write(path, value, ttl, signal) {
      await client.set(path, value, { ...call(signal), ttl, brief: true })
    },
    async add(path, value, signal) {
      try {
        await client.add(path, value, { ...call(signal), brief: true })
      } catch (error) {
        if (!isApiError(error, ErrorCode.keyExists)) throw error
      }
    },
    async makeDirectory(path, ttl, signal) {
      try {
        await client.setDir(path, { ...call(signal), ttl })
      } catch (error) {
        if (!isApiError(error, ErrorCode.notFile)) throw error
        await client.updateDir(path, { ...call(signal), ttl })
      }
    },
    async refresh(path, ttl, signal) {
      try {
        const { node, prevNode } = await client.refresh(path, { ...call(signal), ttl })
        const [value, directory] = [node.value ?? '', node.dir === true]
        const permanent = prevNode !== undefined && prevNode.ttl === undefined
        return { value, directory, permanent, isEmptied: !directory && value === '' && (prevNode?.value ?? '') !== '' }
      } catch (error) {
        if (isNothingThere(error)) return undefined
        throw error
      }
    },
    async removeIf(path, value, signal) {
      try {
        await client.cad(path, { ...call(signal), prevValue: value })
        return 'removed'
      } catch (error) {
        if (isNothingThere(error)) return 'gone'
        if (isApiError(error, ErrorCode.compareFailed) || isApiError(error, ErrorCode.notFile)) return 'other'
        throw error
      }
    },
    async removeDirectory(path, signal) {
      try {
        await client.delete(path, { ...call(signal), recursive: true })
      } catch (error) {
        if (!isNothingThere(error)) throw error
      }
    },
    async claim(path, value, ttl, signal) {
      try {
        await client.add(path, value, { ...call(signal), ttl, brief: true })
        return true
      } catch (error) {
        if (!isApiError(error, ErrorCode.keyExists)) throw error
        // What is there may be our own, from a request whose answer was lost.
        return (await read(path, signal))?.value === value
      }
    },
    async list(directory, max, signal) {
      const found = new Map<string, string | undefined>()
      try {
        for await (const nodes of (await client.list(directory, { signal })).nodes) {
          for (const { path, value, dir } of nodes) {
            if (path !== directory && found.size < max) found.set(path, dir ? undefined : value)
          }
        }
      } catch (error) {
        if (!isNothingThere(error)) throw error
      }
      return found
    },
  }
}

function isApiError(error: unknown, code: number): boolean {
  return error instanceof ApiError && error.code === code
}
