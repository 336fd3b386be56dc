/**
 * Taking the addresses that a member listens at.
 *
 * Owns: which may fail, and the sentence for one that may not. Leaves to others: the listeners themselves.
 */
import type { ListenEndpoint } from '../config/config.ts'
import type { Log } from '../replica/ports.ts'
import { MemberError } from './member-error.ts'

/**
 * Listens at each URL in turn; one that nobody asked for by name may fail.
 *
 * @throws MemberError MUSTER_LISTEN_FAILED, naming the URL and the reason.
 */
export async function listenAll(
  urls: readonly ListenEndpoint[],
  listen: (url: URL) => Promise<void>,
  log: Log,
): Promise<void> {
  for (const url of urls) {
    try {
      await listen(new URL(url.href))
    } catch (error) {
      if (!url.optional) throw listenError(url, error)
      log.debug(
        { url: url.href, err: error },
        'not listening there: it is taken or cannot be had, and was not asked for',
      )
    }
  }
}

function listenError(url: ListenEndpoint, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const why =
    code === 'EADDRINUSE'
      ? 'the port is in use by another process'
      : code === 'EACCES'
        ? 'this user may not use the port'
        : code === 'EADDRNOTAVAIL'
          ? 'this machine does not have that address'
          : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
            ? 'the name cannot be resolved'
            : error instanceof Error
              ? error.message
              : String(error)
  return new MemberError('MUSTER_LISTEN_FAILED', `cannot listen at ${url.href}: ${why}`, { cause: error })
}
