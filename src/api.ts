/**
 * The public v2 contract: JSON shapes and numeric error codes.
 *
 * Owns: names, numbers, messages and statuses of the API. No logic. Source: the API page, sections 1.1, 3.1, 7 and 8.
 */

/** Error codes of the key space that this server can send; 205 to 208 are of 0.4's locks alone. Codes are API and are never reused. */
export const ErrorCode = {
  keyNotFound: 100,
  compareFailed: 101,
  notFile: 102,
  notDirectory: 104,
  keyExists: 105,
  rootReadOnly: 107,
  directoryNotEmpty: 108,
  unauthorized: 110,
  prevValueRequired: 201,
  ttlNotNumber: 202,
  indexNotNumber: 203,
  timeoutNotNumber: 205,
  nameRequired: 206,
  indexOrValueRequired: 207,
  indexAndValue: 208,
  invalidField: 209,
  invalidForm: 210,
  refreshValue: 211,
  refreshTtlRequired: 212,
  raftInternal: 300,
  leaderElection: 301,
  eventIndexCleared: 401,
} as const
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

/** `/muster/v1/index` takes the store index so far and no further: what is left of a safe integer are steps for centuries. */
export const ADVANCED_INDEX_MAX = 2 ** 52

/** Message and HTTP status of each code (API page, table 1.1). */
export const ERRORS: Readonly<Record<ErrorCode, { readonly status: number; readonly message: string }>> = {
  100: { status: 404, message: 'Key not found' },
  101: { status: 412, message: 'Compare failed' },
  102: { status: 403, message: 'Not a file' },
  104: { status: 400, message: 'Not a directory' },
  105: { status: 412, message: 'Key already exists' },
  107: { status: 400, message: 'Root is read only' },
  108: { status: 403, message: 'Directory not empty' },
  110: { status: 401, message: 'The request requires user authentication' },
  201: { status: 400, message: 'PrevValue is Required in POST form' },
  202: { status: 400, message: 'The given TTL in POST form is not a number' },
  203: { status: 400, message: 'The given index in POST form is not a number' },
  205: { status: 400, message: 'The given timeout in POST form is not a number' },
  206: { status: 400, message: 'Name is required in POST form' },
  207: { status: 400, message: 'Index or value is required' },
  208: { status: 400, message: 'Index and value cannot both be specified' },
  209: { status: 400, message: 'Invalid field' },
  210: { status: 400, message: 'Invalid POST form' },
  211: { status: 400, message: 'Value provided on refresh' },
  212: { status: 400, message: 'A TTL must be provided on refresh' },
  300: { status: 500, message: 'Raft Internal Error' },
  301: { status: 500, message: 'During Leader Election' },
  401: { status: 400, message: 'The event in requested index is outdated and cleared' },
}

/** What a watcher or a writer reads in `action`. The order is the order of counters nowhere; add at the end. */
export type Action = 'get' | 'set' | 'create' | 'update' | 'compareAndSwap' | 'delete' | 'compareAndDelete' | 'expire'

/** A member as `/v2/members` shows it. */
export interface MemberJson {
  readonly id: string
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
}

/** Body of `/v2/stats/store`, in wire order (section 8). */
export interface StoreStatsJson {
  getsSuccess: number
  getsFail: number
  setsSuccess: number
  setsFail: number
  deleteSuccess: number
  deleteFail: number
  updateSuccess: number
  updateFail: number
  createSuccess: number
  createFail: number
  compareAndSwapSuccess: number
  compareAndSwapFail: number
  compareAndDeleteSuccess: number
  compareAndDeleteFail: number
  expireCount: number
  watchers: number
}
