/**
 * Which error a failure is, and what it says of the request's fate.
 *
 * Owns: reading answers with a bad status, and what undici and Node.js throw.
 */
import { ApiError, ClientError } from './errors.ts'
import { tlsSentence } from './tls-failures.ts'

/** What is known of an answer. */
export interface BadAnswer {
  readonly status: number
  readonly text: string
  /** `X-Etcd-Index`, for bodies that tell none. */
  readonly index: number
  /** The request changes nothing. */
  readonly reads: boolean
  /** An earlier request of this call failed without saying whether it was applied. */
  readonly earlier: ClientError | undefined
}

/** The error that an answer with a bad status stands for. */
export function errorOf({ status, text, index, reads, earlier }: BadAnswer): ApiError {
  try {
    const body = JSON.parse(text) as { errorCode?: unknown; message?: unknown; cause?: unknown; index?: unknown }
    const code = typeof body.errorCode === 'number' ? body.errorCode : 0
    const told = typeof body.index === 'number' && body.index > 0 ? body.index : index
    return new ApiError(status, code, String(body.message ?? ''), String(body.cause ?? ''), told, earlier, reads)
  } catch {
    return new ApiError(status, 0, text.trim().slice(0, 200), '', index, earlier, reads)
  }
}

/**
 * What was thrown while a request was under way.
 * @param definite The request was surely not applied: it reads, or nothing of it left.
 * @param earlier The same call was sent before, with a fate that nobody knows.
 */
export function asClientError(
  thrown: unknown,
  endpoint: string,
  definite: boolean,
  earlier?: ClientError,
): ClientError {
  if (thrown instanceof ClientError) return thrown
  const fate = { definite: definite && earlier === undefined, retriable: true, cause: earlier ?? thrown }
  const { code, message } = describe(thrown)
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return new ClientError('MUSTER_CLIENT_TIMEOUT', `${endpoint} did not answer in time`, fate)
  }
  return new ClientError('MUSTER_CLIENT_UNREACHABLE', `cannot reach ${endpoint}: ${message}`, fate)
}

/** The client was closed. @param definite No request of this call had left, or it reads. */
export function closedError(definite: boolean): ClientError {
  return new ClientError('MUSTER_CLIENT_CLOSED', 'the client is closed', { definite, retriable: false })
}

function describe(thrown: unknown): { readonly code: string; readonly message: string } {
  if (!(thrown instanceof Error)) return { code: '', message: String(thrown) }
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
  // A name with several addresses gives an AggregateError without a message of its own.
  return { code, message: tlsSentence(thrown) ?? (thrown.message === '' ? code : thrown.message) }
}
