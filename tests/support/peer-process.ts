/**
 * A process in which two members connect, send a snapshot and close. It ends by itself only if nothing of them is left:
 * every limit in milliseconds that could end it otherwise is ten minutes.
 */
import { eventually } from './eventually.ts'
import { chunkSource, installSnapshot, TestMember } from './peer-members.ts'

const limits = { dialTimeoutMs: 600_000, snapshotIdleMs: 600_000, backoffMsMin: 600_000, backoffMsMax: 600_000 }
const a = await new TestMember({ id: 'a', limits, source: chunkSource([Buffer.alloc(100)]) }).listen()
const b = await new TestMember({ id: 'b', limits }).listen()
a.meet(b)
b.meet(a)
await eventually('they connect', () => a.isConnectedTo(b) && b.isConnectedTo(a))
console.log('connected')
a.transport.sendSnapshot(b.id, installSnapshot('a', 'b', 1))
await eventually('it is staged', () => a.snapshots[0]?.ok === true)
console.log('staged')
await Promise.all([a.close(), b.close()])
console.log('closed')
