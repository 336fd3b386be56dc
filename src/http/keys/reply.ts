/**
 * The answers of `/v2/keys`: status, `X-` headers, body.
 *
 * Owns: which index stands in which header (API page, 2.1), conditions as error 300 (6.3). Leaves to others: JSON of
 * nodes and events (json), bytes on the wire (send).
 */
import type { ServerResponse } from 'node:http'
import { ERRORS, ErrorCode } from '../../api.ts'
import type { Failure } from '../../store/outcome.ts'
import type { HeaderPairs } from '../cors.ts'
import type { MemberPort, Refusal } from '../ports.ts'
import { send, sendEarly } from '../send.ts'
import { renderError } from './json.ts'

/** What clients of etcd read as the cause of error 300. They are told that the fate of a write is unknown by "timed out". */
const CONDITION_CAUSES: Readonly<Record<Refusal['condition'], string>> = {
  MUSTER_NO_LEADER: 'etcdserver: request timed out',
  MUSTER_TIMEOUT: 'etcdserver: request timed out',
  MUSTER_TIMEOUT_LEADER_LOST: 'etcdserver: request timed out, possibly due to previous leader failure',
  MUSTER_TIMEOUT_CONNECTION_LOST: 'etcdserver: request timed out, possibly due to connection lost',
  MUSTER_OVERLOADED: 'etcdserver: too many requests',
  MUSTER_STOPPED: 'etcdserver: server stopped',
}

/** Headers of a success: `index` is the store index it speaks of. */
export function successPairs(member: MemberPort, index: number): HeaderPairs {
  return [
    'Content-Type',
    'application/json',
    'X-Etcd-Cluster-Id',
    member.clusterId,
    'X-Etcd-Index',
    `${index}`,
    'X-Raft-Index',
    `${member.raftIndex}`,
    'X-Raft-Term',
    `${member.raftTerm}`,
  ]
}

/** Answers with an error of the key space. */
export function sendError(
  response: ServerResponse,
  member: MemberPort,
  cors: HeaderPairs,
  code: ErrorCode,
  cause: string,
  index: number,
): void {
  const { status, message } = ERRORS[code]
  send(response, status, cors, errorPairs(member, index), renderError(code, message, cause, index))
}

/** The same while the body of the request is still arriving. */
export function sendErrorEarly(
  response: ServerResponse,
  member: MemberPort,
  cors: HeaderPairs,
  code: ErrorCode,
  cause: string,
): void {
  const { status, message } = ERRORS[code]
  sendEarly(response, status, cors, errorPairs(member, 0), renderError(code, message, cause, 0))
}

function errorPairs(member: MemberPort, index: number): HeaderPairs {
  return ['Content-Type', 'application/json', 'X-Etcd-Cluster-Id', member.clusterId, 'X-Etcd-Index', `${index}`]
}

/** Answers with what the store said no with. */
export function sendFailure(response: ServerResponse, member: MemberPort, cors: HeaderPairs, failure: Failure): void {
  sendError(response, member, cors, failure.code, failure.cause, failure.storeIndex)
}

/** Answers with a condition of the world. */
export function sendRefusal(response: ServerResponse, member: MemberPort, cors: HeaderPairs, refusal: Refusal): void {
  sendError(response, member, cors, ErrorCode.raftInternal, CONDITION_CAUSES[refusal.condition], 0)
}

/** Answers that a limit of this member is reached; nothing was done. @param limit Its name, for the operator. */
export function sendOverloaded(response: ServerResponse, member: MemberPort, cors: HeaderPairs, limit: string): void {
  sendError(response, member, cors, ErrorCode.raftInternal, overloadCause(limit), 0)
}

/** The cause of error 300 when a limit is reached. */
export function overloadCause(limit: string): string {
  return `etcdserver: too many requests (${limit} reached)`
}
