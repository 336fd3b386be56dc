/** A user's first minutes, word for word: curl against one member. Bodies are compared as text. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Child, NODE } from '../support/child.ts'
import { curl, curlWithHeaders } from '../support/curl.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MUSTERD, memberArgs } from '../support/member-process.ts'

/** curl that waits for events: without buffering, and never for ever. */
const CURL_IN_BACKGROUND = ['-sS', '-N', '--max-time', '20']

let folder = ''
let member: Child
let keys = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-test-'))
  const spec = { name: 'default', dataDir: join(folder, 'd'), clientPort: await freePort(), peerPort: await freePort() }
  member = new Child(NODE, [MUSTERD, ...memberArgs(spec)])
  await member.untilOutput(/ready/)
  keys = `http://127.0.0.1:${spec.clientPort}/v2/keys`
  // A member tells the cluster its URLs once it leads, which takes an index: let that be over.
  await eventually('the published URLs', async () => (await curl(keys.replace('keys', 'machines'))) !== '')
})

afterAll(async () => {
  await member.end()
  await rm(folder, { recursive: true, force: true })
})

/** The index that the store has now. */
async function indexNow(): Promise<number> {
  return Number((await curlWithHeaders('-L', `${keys}/`)).headers['X-Etcd-Index'])
}

async function watchers(): Promise<number> {
  return (JSON.parse(await curl(keys.replace('keys', 'stats/store'))) as { watchers: number }).watchers
}

/** A watch that is registered by the time this returns. */
async function watchInBackground(query: string): Promise<Child> {
  const before = await watchers()
  const watch = new Child('curl', [...CURL_IN_BACKGROUND, `${keys}${query}`])
  await eventually('the watch to be registered', async () => (await watchers()) === before + 1)
  return watch
}

describe('the walkthrough', () => {
  test('a first PUT answers 201 with the node and the four headers', async () => {
    const n = (await indexNow()) + 1
    const { status, headers, body } = await curlWithHeaders('-L', '-X', 'PUT', `${keys}/message`, '-d', 'value=Hello')
    expect(body).toBe(
      `{"action":"set","node":{"key":"/message","value":"Hello","modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
    expect(status).toBe(201)
    expect(headers).toMatchObject({
      'Content-Type': 'application/json',
      'X-Etcd-Cluster-Id': expect.stringMatching(/^[1-9a-f][0-9a-f]*$/),
      'X-Etcd-Index': String(n),
      'X-Raft-Index': expect.stringMatching(/^[0-9]+$/),
      'X-Raft-Term': expect.stringMatching(/^[1-9][0-9]*$/),
    })
  })

  test('GET reads it, and a second PUT shows what was there before', async () => {
    const n = await indexNow()
    const got = await curlWithHeaders('-L', `${keys}/message`)
    expect(got.status).toBe(200)
    expect(got.body).toBe(
      `{"action":"get","node":{"key":"/message","value":"Hello","modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
    const put = await curlWithHeaders('-L', '-X', 'PUT', `${keys}/message`, '-d', 'value=Hello again')
    expect(put.status).toBe(200)
    expect(put.body).toBe(
      `{"action":"set","node":{"key":"/message","value":"Hello again","modifiedIndex":${n + 1},"createdIndex":${n + 1}},` +
        `"prevNode":{"key":"/message","value":"Hello","modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
  })

  test('an update with prevExist keeps createdIndex and has prevNode', async () => {
    const n = await indexNow()
    const { status, body } = await curlWithHeaders(
      ...['-L', '-X', 'PUT', `${keys}/message?prevExist=true`, '-d', 'value=Updated'],
    )
    expect(status).toBe(200)
    expect(body).toBe(
      `{"action":"update","node":{"key":"/message","value":"Updated","modifiedIndex":${n + 1},"createdIndex":${n}},` +
        `"prevNode":{"key":"/message","value":"Hello again","modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
  })

  test('DELETE takes it away, and then it is not found', async () => {
    const n = await indexNow()
    const { status, body } = await curlWithHeaders('-L', '-X', 'DELETE', `${keys}/message`)
    expect(status).toBe(200)
    expect(body).toBe(
      `{"action":"delete","node":{"key":"/message","modifiedIndex":${n + 1},"createdIndex":${n - 1}},` +
        `"prevNode":{"key":"/message","value":"Updated","modifiedIndex":${n},"createdIndex":${n - 1}}}\n`,
    )
    const gone = await curlWithHeaders('-L', `${keys}/message`)
    expect(gone.status).toBe(404)
    expect(gone.body).toBe(`{"errorCode":100,"message":"Key not found","cause":"/message","index":${n + 1}}\n`)
    expect(gone.headers['X-Etcd-Index']).toBe(String(n + 1))
  })

  test('a key with a TTL says when it expires, and does', async () => {
    const n = (await indexNow()) + 1
    const watch = await watchInBackground('/brief?wait=true')
    const { status, body } = await curlWithHeaders('-L', '-X', 'PUT', `${keys}/brief`, '-d', 'value=x', '-d', 'ttl=1')
    expect(status).toBe(201)
    expect(body).toMatch(
      new RegExp(
        `^\\{"action":"set","node":\\{"key":"/brief","value":"x","expiration":"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z",` +
          `"ttl":1,"modifiedIndex":${n},"createdIndex":${n}\\}\\}\n$`,
      ),
    )
    expect((await watch.exited).code).toBe(0)
    expect(watch.stdout).toBe(body)

    const event = JSON.parse(await curl(`${keys}/brief?wait=true&waitIndex=${n + 1}`)) as object
    expect(event).toMatchObject({
      action: 'expire',
      node: { key: '/brief', modifiedIndex: n + 1, createdIndex: n },
      prevNode: { key: '/brief', value: 'x', modifiedIndex: n, createdIndex: n },
    })
    expect((await curlWithHeaders(`${keys}/brief`)).status).toBe(404)
  })

  test('a TTL is removed by an update without one', async () => {
    await curl('-X', 'PUT', `${keys}/kept`, '-d', 'value=x', '-d', 'ttl=100')
    const body = await curl('-X', 'PUT', `${keys}/kept`, '-d', 'value=x', '-d', 'ttl=', '-d', 'prevExist=true')
    expect(JSON.parse(body)).toMatchObject({ action: 'update', prevNode: { ttl: 100 } })
    expect(await curl(`${keys}/kept`)).not.toContain('expiration')
  })

  test('wait answers with the next change', async () => {
    const watch = await watchInBackground('/news?wait=true')
    const put = await curl('-X', 'PUT', `${keys}/news`, '-d', 'value=one')
    expect((await watch.exited).code).toBe(0)
    expect(watch.stdout).toBe(put)
  })

  test('wait with waitIndex answers with a change that was', async () => {
    const n = await indexNow()
    const { status, headers, body } = await curlWithHeaders(`${keys}/news?wait=true&waitIndex=${n}`)
    expect(status).toBe(200)
    expect(headers['X-Etcd-Index']).toBe(String(n))
    expect(body).toBe(
      `{"action":"set","node":{"key":"/news","value":"one","modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
  })

  test('a recursive watch sees what happens below, a stream sees all of it', async () => {
    const stream = await watchInBackground('/tree?wait=true&recursive=true&stream=true')
    const events: string[] = []
    for (const name of ['a', 'b/c', 'a']) {
      events.push(await curl('-X', 'PUT', `${keys}/tree/${name}`, '-d', `value=${name}`))
    }
    events.push(await curl('-X', 'DELETE', `${keys}/tree/b/c`))
    await eventually('four events', () => stream.stdout === events.join(''))
    expect(stream.exit).toBeUndefined()
    await stream.end()
    await eventually('the watcher to be gone', async () => (await watchers()) === 0)
  })

  test('POST makes in-order keys, which a sorted listing shows in order', async () => {
    const n = (await indexNow()) + 1
    const first = await curlWithHeaders('-X', 'POST', `${keys}/queue`, '-d', 'value=Job1')
    expect(first.status).toBe(201)
    const name = (index: number) => `/queue/${String(index).padStart(20, '0')}`
    const node = (index: number, value: string) =>
      `{"key":"${name(index)}","value":"${value}","modifiedIndex":${index},"createdIndex":${index}}`
    expect(first.body).toBe(`{"action":"create","node":${node(n, 'Job1')}}\n`)
    await curl('-X', 'PUT', `${keys}/other`, '-d', 'value=x')
    expect(await curl('-X', 'POST', `${keys}/queue`, '-d', 'value=Job2')).toBe(
      `{"action":"create","node":${node(n + 2, 'Job2')}}\n`,
    )
    expect(await curl(`${keys}/queue?recursive=true&sorted=true`)).toBe(
      `{"action":"get","node":{"key":"/queue","dir":true,"nodes":[${node(n, 'Job1')},${node(n + 2, 'Job2')}],` +
        `"modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
  })

  test('directories are made, listed, and removed only when told so', async () => {
    const n = (await indexNow()) + 1
    const made = await curlWithHeaders('-X', 'PUT', `${keys}/dir`, '-d', 'dir=true')
    expect(made.status).toBe(201)
    expect(made.body).toBe(
      `{"action":"set","node":{"key":"/dir","dir":true,"modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
    await curl('-X', 'PUT', `${keys}/dir/foo`, '-d', 'value=bar')
    expect(await curl(`${keys}/dir`)).toBe(
      `{"action":"get","node":{"key":"/dir","dir":true,"nodes":[{"key":"/dir/foo","value":"bar","modifiedIndex":${n + 1},` +
        `"createdIndex":${n + 1}}],"modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
    const full = await curlWithHeaders('-X', 'DELETE', `${keys}/dir?dir=true`)
    expect(full.status).toBe(403)
    expect(full.body).toBe(`{"errorCode":108,"message":"Directory not empty","cause":"/dir","index":${n + 1}}\n`)
    const removed = await curlWithHeaders('-X', 'DELETE', `${keys}/dir?recursive=true`)
    expect(removed.status).toBe(200)
    expect(removed.body).toBe(
      `{"action":"delete","node":{"key":"/dir","dir":true,"modifiedIndex":${n + 2},"createdIndex":${n}},` +
        `"prevNode":{"key":"/dir","dir":true,"modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
  })

  test('hidden keys are not listed but can be read', async () => {
    await curl('-X', 'PUT', `${keys}/_secret`, '-d', 'value=x')
    expect(await curl(`${keys}/`)).not.toContain('_secret')
    expect(await curl(`${keys}/_secret`)).toContain('"value":"x"')
  })

  test('compare-and-swap writes only when the comparison holds', async () => {
    const put = (...words: string[]) => curlWithHeaders('-X', 'PUT', `${keys}/lock`, ...words)
    const n = (await indexNow()) + 1
    expect((await put('-d', 'value=one', '-d', 'prevExist=false')).status).toBe(201)
    const exists = await put('-d', 'value=three', '-d', 'prevExist=false')
    expect(exists.status).toBe(412)
    expect(exists.body).toBe(`{"errorCode":105,"message":"Key already exists","cause":"/lock","index":${n}}\n`)
    const failed = await put('-d', 'value=two', '-d', 'prevValue=two')
    expect(failed.status).toBe(412)
    expect(failed.body).toBe(`{"errorCode":101,"message":"Compare failed","cause":"[two != one]","index":${n}}\n`)
    const swapped = await put('-d', 'value=two', '-d', 'prevValue=one', '-d', `prevIndex=${n}`)
    expect(swapped.status).toBe(200)
    expect(swapped.body).toBe(
      `{"action":"compareAndSwap","node":{"key":"/lock","value":"two","modifiedIndex":${n + 1},"createdIndex":${n}},` +
        `"prevNode":{"key":"/lock","value":"one","modifiedIndex":${n},"createdIndex":${n}}}\n`,
    )
  })

  test('compare-and-delete deletes only when the comparison holds', async () => {
    const n = await indexNow()
    const failed = await curlWithHeaders('-X', 'DELETE', `${keys}/lock?prevIndex=1`)
    expect(failed.status).toBe(412)
    expect(failed.body).toBe(`{"errorCode":101,"message":"Compare failed","cause":"[1 != ${n}]","index":${n}}\n`)
    const deleted = await curlWithHeaders('-X', 'DELETE', `${keys}/lock?prevValue=two`)
    expect(deleted.status).toBe(200)
    expect(deleted.body).toBe(
      `{"action":"compareAndDelete","node":{"key":"/lock","modifiedIndex":${n + 1},"createdIndex":${n - 1}},` +
        `"prevNode":{"key":"/lock","value":"two","modifiedIndex":${n},"createdIndex":${n - 1}}}\n`,
    )
  })

  test('a value from a file or with odd characters comes back as it went in', async () => {
    const value = 'line one\nline two & "quoted" <tag> ü €'
    await curl('-X', 'PUT', `${keys}/odd`, '--data-urlencode', `value=${value}`)
    expect(JSON.parse(await curl(`${keys}/odd`))).toMatchObject({ node: { value } })
  })

  test('a waitIndex that is no number is refused in the words of the API', async () => {
    const answer = await curlWithHeaders(`${keys}/news?wait=true&waitIndex=abc`)
    expect(answer.status).toBe(400)
    expect(answer.body).toBe(
      '{"errorCode":203,"message":"The given index in POST form is not a number","cause":"invalid value for \\"waitIndex\\"","index":0}\n',
    )
  })

  test('version, health, machines, members and statistics answer', async () => {
    const base = keys.replace('/v2/keys', '')
    expect(await curl(`${base}/version`)).toBe('{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}')
    expect(JSON.parse(await curl(`${base}/health`))).toEqual({ health: 'true' })
    expect(await curl(`${base}/v2/machines`)).toBe(base)
    expect(JSON.parse(await curl(`${base}/v2/members`))).toMatchObject({
      members: [{ name: 'default', clientURLs: [base] }],
    })
    expect(JSON.parse(await curl(`${base}/v2/stats/self`))).toMatchObject({ name: 'default', state: 'StateLeader' })
    expect(JSON.parse(await curl(`${base}/v2/stats/leader`))).toMatchObject({ followers: {} })
  })
})
