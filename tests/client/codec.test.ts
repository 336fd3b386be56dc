/** Values that are more than text, and namespaces. */
import { describe, expect, test } from 'vitest'
import { jsonCodec, textCodec } from '../../src/client/codec.ts'
import { errorOf, startRig } from '../support/odd-server.ts'

interface Point {
  readonly x: number
}

const point = jsonCodec<Point>((value) => {
  const { x } = value as Partial<Point>
  if (typeof x !== 'number') throw new TypeError('x is no number')
  return { x }
})

describe('a codec', () => {
  test('makes and takes values of a type', async () => {
    const { client } = await startRig()
    const { value: written } = await client.set('/p', { x: 1 }, { codec: point })
    expect(written).toEqual({ x: 1 })
    const found = await client.get('/p', { codec: point })
    expect(found.value?.x).toBe(1)
    expect(found.node.value).toBe('{"x":1}')
    const { node } = await client.create('/q', { x: 2 }, { codec: point })
    expect((await client.get(String(node.key), { codec: point })).value).toEqual({ x: 2 })
    await client.cas('/p', { x: 3 }, { prevIndex: found.node.modifiedIndex, codec: point })
    await client.update('/p', { x: 4 }, { codec: point })
    expect((await client.get('/p', { codec: textCodec })).value).toBe('{"x":4}')
    expect((await client.get('/q', { codec: point })).value).toBeUndefined()
  })

  test('that refuses a value is an error that says which, why, and that nothing was done', async () => {
    const { client } = await startRig()
    await client.set('/p', '{"y":1}')
    const error = await errorOf(client.get('/p', { codec: point }))
    expect(error).toMatchObject({ code: 'MUSTER_CLIENT_BAD_VALUE', definite: true, retriable: false })
    expect(error.message).toBe('the value of /p is not what was expected: x is no number')
    expect(error.cause).toBeInstanceOf(TypeError)
    await client.set('/p', 'no JSON')
    expect(await errorOf(client.get('/p', { codec: jsonCodec() }))).toMatchObject({ code: 'MUSTER_CLIENT_BAD_VALUE' })
    const writing = client.set('/none', undefined, { codec: jsonCodec() })
    expect(await errorOf(writing)).toMatchObject({ code: 'MUSTER_CLIENT_BAD_VALUE' })
    expect(await client.peek('/none')).toBeUndefined()
  })
})

describe('a namespace', () => {
  test('takes and gives paths without its prefix, everywhere', async () => {
    const { client } = await startRig()
    const app = client.namespace('/apps/one')
    const written = await app.set('/a/b', '1')
    expect(written.node.key).toBe('/a/b')
    expect((await client.get('/apps/one/a/b')).value).toBe('1')
    expect((await app.get('a/b')).node.key).toBe('/a/b')
    const { node } = await app.get('/', { recursive: true })
    expect(node).toMatchObject({ key: '/', nodes: [{ key: '/a', nodes: [{ key: '/a/b', value: '1' }] }] })
    const listed: string[] = []
    for await (const nodes of (await app.list('/')).nodes) listed.push(...nodes.map(({ path }) => path))
    expect(listed).toEqual(['/', '/a', '/a/b'])
    expect(await app.peek('/a/b')).toMatchObject({ path: '/a/b' })
    expect((await app.delete('/a/b')).prevNode?.key).toBe('/a/b')
    expect((await app.create('/q', 'job')).node.key).toMatch(/^\/q\/\d{20}$/)
    const { index } = await app.position()
    expect((await app.poll('/', { waitIndex: index, recursive: true })).event?.node.key).toMatch(/^\/q/)
    for await (const watched of app.watch('/', { recursive: true, from: written.index })) {
      expect(watched).toMatchObject({ event: { action: 'set', node: { key: '/a/b' } } })
      break
    }
    for await (const view of app.follow('/q')) {
      expect([...view.nodes.keys()][0]).toBe('/q')
      break
    }
  })

  test('within another is below that one', async () => {
    const { client } = await startRig()
    const inner = client.namespace('apps').namespace('/two/')
    expect(inner.prefix).toBe('/apps/two')
    await inner.set('k', '1')
    expect((await client.get('/apps/two/k')).value).toBe('1')
  })

  test('sees its own removal from above as one of its root', async () => {
    const { client } = await startRig()
    const app = client.namespace('/apps/one')
    const { index } = await app.set('/k', '1')
    await client.delete('/apps', { recursive: true })
    for await (const watched of app.watch('/k', { from: index + 1 })) {
      expect(watched).toMatchObject({ event: { action: 'delete', node: { key: '/' } } })
      break
    }
  })

  test('is not left by a path of dots', async () => {
    const { client } = await startRig()
    await client.set('/secret', '1')
    const app = client.namespace('/apps')
    for (const path of ['/../secret', '..', '/a/../../secret', '/./a']) {
      await expect(app.get(path)).rejects.toThrow(RangeError)
    }
    expect(() => client.namespace('/a/../b')).toThrow(RangeError)
    // Without a namespace they are resolved, and never lead out of the keys.
    expect((await client.get('/apps/../secret')).node.key).toBe('/secret')
    expect(await errorOf(client.get('/../../version'))).toMatchObject({ code: 100, reason: '/version' })
  })
})
