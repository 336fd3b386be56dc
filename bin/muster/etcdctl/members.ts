/**
 * `muster member`: who is in the cluster, and changing it, as etcdctl does it.
 *
 * Owns: the four commands, their words and sentences.
 */
import type { Command } from 'commander'
import type { ConnectionWords } from '../connection.ts'
import { Cluster, type Member, parseJson } from './cluster.ts'
import { acting, command, examples, group } from './command.ts'
import { AskFailed, CommandFailed, plain, STATUS } from './failures.ts'
import { pathUrl } from './go-url.ts'
import { print } from './print.ts'

/** Adds the commands. */
export function addMemberCommands(program: Command): void {
  const member = group(program, 'member', 'members of the cluster: list, add, remove, update')
  command(member, 'list', 'list the members').addHelpText('after', examples('member list')).action(acting(list))
  command(member, 'add', 'add a member, which is started afterwards', '<name> <peerURL>')
    .addHelpText('after', examples('member add m4 http://10.0.0.4:2380'))
    .action(acting(add))
  command(member, 'remove', 'remove a member, for good', '<memberID>')
    .addHelpText('after', examples('member remove a8266ecf031671f3'))
    .action(acting(remove))
  command(member, 'update', 'give a member other peer URLs', '<memberID> <peerURLs>')
    .addHelpText('after', examples('member update a8266ecf031671f3 http://10.0.0.9:2380'))
    .action(acting(update))
}

async function list(made: Command): Promise<void> {
  if (made.args.length > 0) throw new CommandFailed(STATUS.wrong, 'No arguments accepted')
  await using cluster = await openFor(made)
  const members = await membersOf(cluster)
  const leader = await leaderOf(cluster)
  for (const { id, name, peerURLs, clientURLs } of members) {
    if (name === '') print(`${id}[unstarted]: peerURLs=${peerURLs.join(',')}`)
    else {
      const urls = `peerURLs=${peerURLs.join(',')} clientURLs=${clientURLs.join(',')}`
      print(`${id}: name=${name} ${urls} isLeader=${id === leader.id}`)
    }
  }
}

async function add(made: Command): Promise<void> {
  const [name = '', url = ''] = made.args
  if (made.args.length !== 2) throw new CommandFailed(STATUS.wrong, 'Provide a name and a single member peerURL')
  await using cluster = await openFor(made)
  const peerURLs = [checkedPeerUrl(url)]
  const added = await change(cluster, 'POST', '', [201, 409], { peerURLs })
  if (added.status !== 201) throw new CommandFailed(STATUS.wrong, messageIn(added.text))
  const { id } = parseJson(added.text) as Member
  print(`Added member named ${name} with ID ${id} to cluster`)
  const named = (await membersOf(cluster)).flatMap((member) =>
    member.peerURLs.map((peerUrl) => `${member.id === id ? name : member.name}=${peerUrl}`),
  )
  print(`\nETCD_NAME=${JSON.stringify(name)}`)
  print(`ETCD_INITIAL_CLUSTER=${JSON.stringify(named.join(','))}`)
  print('ETCD_INITIAL_CLUSTER_STATE="existing"')
}

async function remove(made: Command): Promise<void> {
  const [id = ''] = made.args
  if (made.args.length !== 1) throw new CommandFailed(STATUS.wrong, 'Provide a single member ID')
  await using cluster = await openFor(made)
  const members = await membersOf(cluster, 'Error while verifying ID against known members: ')
  const hints = members
    .filter(({ name }) => name === id)
    .map((member) => {
      const line = `Found a member named ${member.name}; if this is correct, please use its ID, eg:`
      return `${line}\n\tmuster member remove ${member.id}\n`
    })
  if (!members.some((member) => member.id === id)) {
    throw new CommandFailed(STATUS.wrong, ...hints, `Couldn't find a member in the cluster with an ID of ${id}.`)
  }
  await change(cluster, 'DELETE', id, [204, 410], undefined, `Received an error trying to remove member ${id}: `)
  print(`Removed member ${id} from cluster`)
}

async function update(made: Command): Promise<void> {
  const [id = '', urls = ''] = made.args
  if (made.args.length !== 2) {
    const sentence = 'Provide an ID and a list of comma separated peerURL'
    throw new CommandFailed(STATUS.wrong, `${sentence} (0xabcd http://example.com,http://example1.com)`)
  }
  await using cluster = await openFor(made)
  const peerURLs = urls.split(',').map(checkedPeerUrl).sort()
  const { status, text } = await change(cluster, 'PUT', id, [204, 404, 409], { peerURLs })
  if (status !== 204) throw new CommandFailed(STATUS.wrong, messageIn(text))
  print(`Updated member with ID ${id} in cluster`)
}

function openFor(made: Command): Promise<Cluster> {
  return Cluster.open(made.optsWithGlobals<ConnectionWords>())
}

async function membersOf(cluster: Cluster, before = ''): Promise<readonly Member[]> {
  try {
    return await cluster.members()
  } catch (error) {
    throw plain(error, before)
  }
}

async function leaderOf(cluster: Cluster): Promise<Member> {
  try {
    const { status, text } = await cluster.ask({ method: 'GET', target: '/v2/members/leader' })
    if (status !== 200) throw new AskFailed(`unexpected status code ${status}`)
    return parseJson(text) as Member
  } catch (error) {
    throw plain(error, 'Failed to get leader:  ')
  }
}

/** @param accepted Statuses with an answer; others are an error. */
async function change(
  cluster: Cluster,
  method: 'POST' | 'PUT' | 'DELETE',
  id: string,
  accepted: readonly number[],
  body?: object,
  before = '',
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const json = body === undefined ? {} : { body: JSON.stringify(body), json: true }
    const reply = await cluster.ask({ method, target: pathUrl('members', id), ...json })
    if (!accepted.includes(reply.status)) throw new AskFailed(`unexpected status code ${reply.status}`)
    return reply
  } catch (error) {
    throw plain(error, before)
  }
}

/** The sentence in an answer of the members' and users' APIs. @throws AskFailed when there is none. */
export function messageIn(text: string): string {
  return (parseJson(text) as { readonly message?: string } | null)?.message ?? ''
}

/** A URL that a member may have for others. @throws CommandFailed on anything else. */
function checkedPeerUrl(text: string): string {
  const url = text.trim()
  const [, scheme = '', host = '', rest = ''] = /^(?:([a-z][\w+.-]*):)?(?:\/\/([^/?#]*))?(.*)$/is.exec(url) ?? []
  const [port] = /:[^:\]]*$/.exec(host) ?? [':']
  if (!/^:\d*$/.test(port)) {
    throw new CommandFailed(
      STATUS.wrong,
      `parse ${JSON.stringify(url)}: invalid port ${JSON.stringify(port)} after host`,
    )
  }
  if (host.includes(' ')) {
    throw new CommandFailed(STATUS.wrong, `parse ${JSON.stringify(url)}: invalid character " " in host name`)
  }
  if (!/^(https?|unixs?)$/.test(scheme)) {
    throw new CommandFailed(STATUS.wrong, `URL scheme must be http, https, unix, or unixs: ${url}`)
  }
  if (!/^(\[[^\]]*\]|[^:[\]]*):[^:]*$/.test(host)) {
    throw new CommandFailed(STATUS.wrong, `URL address does not have the form "host:port": ${url}`)
  }
  if (rest.startsWith('/')) throw new CommandFailed(STATUS.wrong, `URL must not contain a path: ${url}`)
  return url
}
