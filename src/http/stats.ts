/**
 * `/v2/stats/self`, `/v2/stats/leader`, `/v2/stats/store` (API page, 8).
 */
import type { FastifyInstance } from 'fastify'
import type { Cors } from './cors.ts'
import { jsonString, jsonTime } from './keys/json.ts'
import type { FollowerStats, MemberPort, SelfStats } from './ports.ts'
import { route } from './route.ts'
import { send, sendMessage } from './send.ts'

const JSON_PAIRS = ['Content-Type', 'application/json']

export interface StatsRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
}

/** Registers the routes. */
export async function statsRoutes(app: FastifyInstance, { member, cors }: StatsRoutesOptions): Promise<void> {
  route(app, '/v2/stats/self', 'GET', cors, (response, pairs) => {
    send(response, 200, pairs, JSON_PAIRS, renderSelf(member.selfStats(), member.wallNowMs()))
  })
  route(app, '/v2/stats/leader', 'GET', cors, (response, pairs) => {
    const followers = member.leaderStats()
    if (followers === undefined) sendMessage(response, 403, pairs, [], 'not current leader')
    else send(response, 200, pairs, JSON_PAIRS, renderLeader(member.memberId, followers))
  })
  route(app, '/v2/stats/store', 'GET', cors, (response, pairs) => {
    send(response, 200, pairs, JSON_PAIRS, JSON.stringify(member.storeStats()))
  })
}

function renderSelf(stats: SelfStats, wallMs: number): string {
  const leaderInfo = {
    leader: stats.leader,
    uptime: duration(stats.leader === '' ? 0 : wallMs - stats.leaderSinceWallMs),
    startTime: stats.leader === '' ? '0001-01-01T00:00:00Z' : jsonTime(stats.leaderSinceWallMs),
  }
  return JSON.stringify({
    name: stats.name,
    id: stats.id,
    state: stats.state,
    startTime: jsonTime(stats.startWallMs),
    leaderInfo,
    recvAppendRequestCnt: stats.recvAppendRequestCnt,
    recvPkgRate: unlessZero(stats.recvPkgRate),
    recvBandwidthRate: unlessZero(stats.recvBandwidthRate),
    sendAppendRequestCnt: stats.sendAppendRequestCnt,
    sendPkgRate: unlessZero(stats.sendPkgRate),
    sendBandwidthRate: unlessZero(stats.sendBandwidthRate),
  })
}

function unlessZero(rate: number): number | undefined {
  return rate === 0 ? undefined : rate
}

function renderLeader(id: string, followers: readonly FollowerStats[]): string {
  const shown = followers.map(
    ({ id: follower, latency, fail, success }) =>
      `${jsonString(follower)}:${JSON.stringify({ latency, counts: { fail, success } })}`,
  )
  return `{"leader":${jsonString(id)},"followers":{${shown.join(',')}}}`
}

/** As Go writes a duration of milliseconds: `1h2m3.5s`, `3m0.25s`, `1.5s`, `20ms`, `0s`. */
function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms))
  if (whole === 0) return '0s'
  if (whole < 1000) return `${whole}ms`
  const seconds = (whole % 60_000) / 1000
  const minutes = Math.floor(whole / 60_000)
  if (minutes === 0) return `${seconds}s`
  return minutes < 60 ? `${minutes}m${seconds}s` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}s`
}
