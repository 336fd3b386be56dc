/**
 * Whether two addresses lead to one cluster.
 *
 * Owns: the probe. Equal ids are no proof: they follow from names, peer URLs and token, and a cluster that takes the place of
 * another is often started with the same ones.
 */
import { randomUUID } from 'node:crypto'
import { ErrorCode } from '../api.ts'
import type { MusterClient } from '../client/client.ts'
import { ApiError } from '../client/errors.ts'

/** The probe goes by itself, should it not be taken away. Seconds. */
const PROBE_TTL_S = 60

/** Whether what is written at the target shows at the source. @throws ClientError; the signal's reason. */
export async function isOneCluster(source: MusterClient, target: MusterClient, signal: AbortSignal): Promise<boolean> {
  const path = `/_muster_probe_${randomUUID()}`
  await target.set(path, 'is this the same cluster?', { ttl: PROBE_TTL_S, signal })
  try {
    await source.get(path, { quorum: true, signal })
    return true
  } catch (error) {
    if (error instanceof ApiError && error.code === ErrorCode.keyNotFound) return false
    throw error
  } finally {
    await target.delete(path, { signal }).catch(() => undefined)
  }
}
