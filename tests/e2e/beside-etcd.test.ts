/**
 * Discovery and proxies with one end of ours and one of a real etcd 3.4: tokens that muster hosts for etcd and the other way round,
 * proxies of each in front of the other.
 */
import { spawnSync } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Child, NODE } from '../support/child.ts'
import { curl } from '../support/curl.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MemberProcess, MUSTERD, planMembers } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const hasEtcd = spawnSync('etcd', ['--version']).status === 0
const TOKEN = '/v2/keys/_etcd/registry/6c007a14875d53d9bf0ef5a6fc0257c8'

interface Server {
  readonly child: Child
  readonly url: string
}

/** A server of either kind with the same words. */
async function start(program: 'etcd' | 'musterd', name: string, folder: string, ...args: string[]): Promise<Server> {
  const [url, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
  const words = [
    ...['--name', name, '--data-dir', `${name}.etcd`],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--enable-v2=true'],
    ...args,
  ]
  const [command, ...first] = program === 'etcd' ? ['etcd'] : [NODE, MUSTERD]
  return { child: startChild(command ?? '', [...first, ...words], { cwd: folder }), url }
}

function serves(url: string): Promise<unknown> {
  return eventually(`${url} to serve`, async () => (await curl(`${url}/health`)).includes('true'), 60_000)
}

async function host(folder: string, size: number): Promise<string> {
  const [spec] = await planMembers(['host'], folder)
  if (spec === undefined) throw new Error('one name gives one member')
  const member = new MemberProcess(spec)
  onTestFinished(async () => {
    await member.child.end()
  })
  await member.start()
  await curl('-X', 'PUT', `${member.url}${TOKEN}/_config/size`, '-d', `value=${size}`)
  return `${member.url}${TOKEN}`
}

describe.skipIf(!hasEtcd)('beside a real etcd (skipped where it is not installed)', () => {
  test('two etcds find each other through a token that muster hosts', async () => {
    const folder = await scratchDir()
    const token = await host(folder, 2)
    const one = await start('etcd', 'one', folder, '--discovery', token)
    const two = await start('etcd', 'two', folder, '--discovery', token)
    await serves(one.url)
    await serves(two.url)
    await curl('-X', 'PUT', `${one.url}/v2/keys/k`, '-d', 'value=v')
    expect(await curl(`${two.url}/v2/keys/k?quorum=true`)).toContain('"value":"v"')
    const late = await start('etcd', 'late', folder, '--discovery', token, '--discovery-fallback', 'exit')
    expect((await late.child.exited).code).toBe(1)
    expect(late.child.stderr).toContain('discovery: cluster is full')
  })

  test('two musterds find each other through a token that etcd hosts, under the ids that etcd would give them', async () => {
    const folder = await scratchDir()
    const peer = `http://127.0.0.1:${await freePort()}`
    const urls = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer]
    const etcd = await start('etcd', 'host', folder, ...urls, '--initial-cluster', `host=${peer}`)
    await serves(etcd.url)
    const token = `${etcd.url}${TOKEN}`
    await curl('-X', 'PUT', `${token}/_config/size`, '-d', 'value=2')
    const one = await start('musterd', 'one', folder, '--discovery', token)
    const two = await start('musterd', 'two', folder, '--discovery', token)
    await serves(one.url)
    await serves(two.url)
    const registered = JSON.parse(await curl(`${token}?sorted=true`)) as { node: { nodes: { key: string }[] } }
    const listed = JSON.parse(await curl(`${two.url}/v2/members`)) as { members: { id: string }[] }
    const keys = registered.node.nodes.map(({ key }) => key.slice(key.lastIndexOf('/') + 1))
    expect(keys.toSorted()).toEqual(listed.members.map(({ id }) => id).toSorted())
  })

  test.each([
    ['musterd', 'etcd'],
    ['etcd', 'musterd'],
  ] as const)('a proxy of %s in front of a member of %s', async (proxyOf, memberOf) => {
    const folder = await scratchDir()
    const peer = `http://127.0.0.1:${await freePort()}`
    const urls = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer]
    const member = await start(memberOf, 'member', folder, ...urls, '--initial-cluster', `member=${peer}`)
    await serves(member.url)
    const proxy = await start(proxyOf, 'proxy', folder, '--proxy', 'on', '--initial-cluster', `member=${peer}`)
    await serves(proxy.url)
    expect(await curl('-X', 'PUT', `${proxy.url}/v2/keys/k`, '-d', 'value=v')).toContain('"value":"v"')
    expect(await curl(`${member.url}/v2/keys/k`)).toContain('"value":"v"')
    expect(await curl(`${proxy.url}/v2/config/local/proxy`)).toBe(`{"endpoints":["${member.url}"]}\n`)
  })
})
