/** What a new cluster starts from: ids as etcd computes them, and the same state on every member. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { memberId } from '../../src/raft/types.ts'
import { bootstrap, clusterId, initialMemberId } from '../../src/replica/bootstrap.ts'

const MEMBERS = [
  { name: 'n1', peerUrls: ['http://127.0.0.1:2380'] },
  { name: 'n2', peerUrls: ['http://127.0.0.1:2381', 'http://10.0.0.2:2381'] },
  { name: 'n3', peerUrls: ['http://127.0.0.1:2382'] },
]

/** API page, 7.3, by hand: the first eight bytes of a SHA-1. */
function sha1Head(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest().subarray(0, 8).toString('hex').replace(/^0+/, '')
}

describe('ids', () => {
  test('are those of an etcd with default options', () => {
    const id = initialMemberId(['http://localhost:2380'], 'etcd-cluster')
    expect(id).toBe('8e9e05c52164694d')
    expect(clusterId([id])).toBe('cdf818194e3a8c32')
  })

  test('of a member come from its sorted peer URLs and the token', () => {
    const [, second] = MEMBERS
    const wanted = sha1Head(Buffer.from('http://10.0.0.2:2381http://127.0.0.1:2381tok'))
    expect(initialMemberId(second?.peerUrls ?? [], 'tok')).toBe(wanted)
  })

  test('of a cluster come from its members in ascending order, eight bytes each', () => {
    const bytes = Buffer.from('00000000000000ab1000000000000000ffffffffffffffff', 'hex')
    const ids = ['ffffffffffffffff', 'ab', '1000000000000000'].map(memberId)
    expect(clusterId(ids)).toBe(sha1Head(bytes))
  })
})

describe('a new cluster', () => {
  test('is the same to each of its members, whatever the order of the options', () => {
    const [a, b] = [bootstrap(MEMBERS, 'n1', 'tok', {}), bootstrap([...MEMBERS].reverse(), 'n3', 'tok', {})]
    expect(a.raft.identity.clusterId).toBe(b.raft.identity.clusterId)
    expect(a.raft.identity.memberId).not.toBe(b.raft.identity.memberId)
    expect(a.raft.membership).toEqual(b.raft.membership)
    expect(a.raft.membership.voters).toContain(a.raft.identity.memberId)
    expect(a.store.digest()).toBe(b.store.digest())
    expect(a.store.members.list().map((member) => member.peerURLs)).toContainEqual(MEMBERS[1]?.peerUrls)
  })

  test('has its members on disk before the first entry', () => {
    expect(bootstrap(MEMBERS, 'n1', 'tok', {}).store.drainRows().length).toBeGreaterThan(MEMBERS.length)
  })

  test('does not know a member that is not named', () => {
    expect(() => bootstrap(MEMBERS, 'n4', 'tok', {})).toThrow(/cannot bootstrap as "n4"/)
  })
})
