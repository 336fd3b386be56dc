/**
 * What node-etcd does all day, against the members whose URLs are given.
 *
 * Owns: its checks, one line of output each, and the status: 0 when all hold. Loads the library from the folder that the test
 * installed it into.
 *
 * node_etcd.ts FOLDER [--ca FILE] [--auth USER:PASSWORD] URL...
 */
import assert from 'node:assert/strict'
import type { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'

interface KeyNode {
  readonly key: string
  readonly value?: string
  readonly nodes?: readonly KeyNode[]
  readonly modifiedIndex: number
  readonly ttl?: number
}

interface Answer {
  readonly action: string
  readonly node: KeyNode
  readonly prevNode?: KeyNode
}

type EtcdError = Error & { readonly errorCode?: number; readonly error?: { readonly index: number } }
type Callback = (error: EtcdError | null, body: Answer, headers: Readonly<Record<string, string>>) => void
type Options = Readonly<Record<string, unknown>>

interface SyncAnswer {
  readonly err: EtcdError | null
  readonly body: Answer
}

interface Watcher extends EventEmitter {
  stop(): void
}

/** What the library calls `Etcd`; it has no types of its own. */
interface Etcd {
  set(key: string, value: string, options: Options, callback: Callback): void
  get(key: string, options: Options, callback: Callback): void
  create(key: string, value: string, options: Options, callback: Callback): void
  del(key: string, options: Options, callback: Callback): void
  mkdir(key: string, options: Options, callback: Callback): void
  rmdir(key: string, options: Options, callback: Callback): void
  compareAndSwap(key: string, value: string, old: string, options: Options, callback: Callback): void
  compareAndDelete(key: string, old: string, options: Options, callback: Callback): void
  raw(method: string, path: string, value: string | null, options: Options, callback: Callback): void
  watchIndex(key: string, index: number, options: Options, callback: Callback): void
  watcher(key: string, index?: number | null, options?: Options): Watcher
  machines(callback: Callback): void
  selfStats(callback: Callback): void
  leaderStats(callback: Callback): void
  version(callback: Callback): void
  setSync(key: string, value: string): SyncAnswer
  getSync(key: string, options: Options): SyncAnswer
  delSync(key: string): SyncAnswer
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { ca: { type: 'string' }, auth: { type: 'string' } },
})
const [folder = '', ...urls] = positionals
const Library = createRequire(`${folder}/`)('node-etcd') as new (hosts: readonly string[], options: Options) => Etcd
const [user, pass] = values.auth?.split(':') ?? []
const options: Options = {
  ...(values.ca === undefined ? {} : { ca: readFileSync(values.ca) }),
  ...(user === undefined ? {} : { auth: { user, pass } }),
}
const etcd = new Library(urls, options)

/** Each request goes to any of the members: what was written just now is read with a quorum. */
const LATEST: Options = { quorum: true }

/** Calls with a callback at the end, and gives what it is called with. */
function call(begin: (callback: Callback) => void): Promise<Answer> {
  return new Promise((done, failed) => {
    begin((error, body) => (error ? failed(error) : done(body)))
  })
}

/** The code of the error that a call ends with. */
async function codeOf(begin: (callback: Callback) => void): Promise<number | undefined> {
  try {
    await call(begin)
  } catch (error) {
    return (error as EtcdError).errorCode
  }
  throw new Error('there was no error')
}

function once(watcher: Watcher, event: string): Promise<Answer> {
  return new Promise((done) => watcher.once(event, done))
}

const CHECKS: Readonly<Record<string, () => Promise<void>>> = {
  async keys() {
    const made = await call((done) => etcd.set('/js/a', 'é ü &=+%', {}, done))
    assert.equal(made.action, 'set')
    assert.equal((await call((done) => etcd.get('js/a', LATEST, done))).node.value, 'é ü &=+%')
    assert.equal(await codeOf((done) => etcd.get('/js/none', {}, done)), 100)
    assert.equal(await codeOf((done) => etcd.set('/js/a', 'x', { prevExist: false }, done)), 105)
    assert.equal((await call((done) => etcd.set('/js/a', 'y', { ttl: 60 }, done))).node.ttl, 60)
    assert.equal((await call((done) => etcd.compareAndSwap('/js/a', 'z', 'y', {}, done))).action, 'compareAndSwap')
    assert.equal(await codeOf((done) => etcd.compareAndSwap('/js/a', 'q', 'no', {}, done)), 101)
    assert.equal(await codeOf((done) => etcd.compareAndDelete('/js/a', 'no', {}, done)), 101)
    assert.equal((await call((done) => etcd.compareAndDelete('/js/a', 'z', {}, done))).action, 'compareAndDelete')
    assert.equal((await call((done) => etcd.raw('PUT', 'v2/keys/js/raw', 'x', {}, done))).node.value, 'x')
    assert.equal((await call((done) => etcd.del('/js', { recursive: true }, done))).action, 'delete')
  },
  async directories() {
    await call((done) => etcd.mkdir('/jsdir', {}, done))
    assert.equal(await codeOf((done) => etcd.mkdir('/jsdir', {}, done)), 102)
    const first = await call((done) => etcd.create('/jsdir/queue', 'one', {}, done))
    const second = await call((done) => etcd.create('/jsdir/queue', 'two', {}, done))
    assert.ok(first.node.key < second.node.key)
    const { node } = await call((done) => etcd.get('/jsdir', { ...LATEST, recursive: true, sorted: true }, done))
    const queue = node.nodes?.[0]?.nodes
    assert.deepEqual(
      queue?.map(({ value }) => value),
      ['one', 'two'],
    )
    assert.equal(await codeOf((done) => etcd.rmdir('/jsdir', {}, done)), 108)
    await call((done) => etcd.rmdir('/jsdir', { recursive: true }, done))
  },
  async watches() {
    const { node } = await call((done) => etcd.set('/jswatch', '0', {}, done))
    const waited = call((done) => etcd.watchIndex('/jswatch', node.modifiedIndex + 1, {}, done))
    await call((done) => etcd.set('/jswatch', '1', {}, done))
    assert.equal((await waited).node.value, '1')
  },
  async watcher() {
    const count = 50
    const { node } = await call((done) => etcd.set('/jswatcher/n', 'start', {}, done))
    const watcher = etcd.watcher('/jswatcher', node.modifiedIndex + 1, { recursive: true })
    const seen: (string | undefined)[] = []
    const all = new Promise<void>((done) => {
      watcher.on('change', (change: Answer) => {
        seen.push(change.node.value)
        if (seen.length === count) done()
      })
    })
    for (let n = 0; n < count; n++) await call((done) => etcd.set(`/jswatcher/${n % 5}`, `${n}`, {}, done))
    await all
    assert.deepEqual(
      seen,
      Array.from({ length: count }, (_, n) => `${n}`),
    )
    const expired = once(watcher, 'expire')
    await call((done) => etcd.set('/jswatcher/short', 'x', { ttl: 1 }, done))
    assert.equal((await expired).prevNode?.value, 'x')
    watcher.stop()
  },
  async resync() {
    for (let n = 0; n < 1100; n += 50) {
      const writes = Array.from({ length: 50 }, () => call((done) => etcd.set('/jsresync/other', 'x', {}, done)))
      await Promise.all(writes)
    }
    const watcher = etcd.watcher('/jsresync/mine', 5)
    await new Promise((done) => watcher.once('resync', done))
    const changed = once(watcher, 'set')
    await call((done) => etcd.set('/jsresync/mine', 'seen', {}, done))
    assert.equal((await changed).node.value, 'seen')
    watcher.stop()
  },
  async synchronous() {
    assert.equal(etcd.setSync('/jssync', 'x').err, null)
    assert.equal(etcd.getSync('/jssync', LATEST).body.node.value, 'x')
    assert.equal(etcd.delSync('/jssync').body.action, 'delete')
    assert.equal(etcd.getSync('/jssync', LATEST).err?.errorCode, 100)
  },
  async cluster() {
    const version = (await call((done) => etcd.version(done))) as unknown as { readonly etcdserver: string }
    assert.equal(version.etcdserver, '2.3.8')
    const self = (await call((done) => etcd.selfStats(done))) as unknown as { readonly state: string }
    assert.match(self.state, /^State(Leader|Follower)$/)
    // That key went with 0.4, in etcd as well.
    assert.equal(await codeOf((done) => etcd.machines(done)), 100)
  },
  async failover() {
    const some = new Library(['http://127.0.0.1:1', ...urls], options)
    for (let n = 0; n < 10; n++) {
      assert.equal((await call((done) => some.set('/jsfail', `${n}`, {}, done))).node.value, `${n}`)
    }
  },
}

let failed = 0
for (const [name, check] of Object.entries(CHECKS)) {
  try {
    await check()
    console.log(`ok ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAIL ${name}\n`, error)
  }
}
process.exit(failed === 0 ? 0 : 1)
