/**
 * `muster user`: users and their roles, as etcdctl does it.
 *
 * Owns: the seven commands, their words and sentences. Leaves to others: asking for passwords (password).
 */
import process from 'node:process'
import type { Command } from 'commander'
import type { ConnectionWords } from '../connection.ts'
import { askPassword } from '../password.ts'
import { AuthApi } from './auth-api.ts'
import { acting, command, examples, group } from './command.ts'
import { CommandFailed, STATUS } from './failures.ts'
import { print } from './print.ts'

interface UserWords extends ConnectionWords {
  readonly roles?: readonly string[]
}

interface UserJson {
  readonly user?: string
  /** Names, or whole roles. */
  readonly roles?: readonly (string | { readonly role: string })[] | null
}

/** Adds the commands. */
export function addUserCommands(program: Command): void {
  const user = group(program, 'user', 'users: add, get, list, remove, grant, revoke, passwd')
  command(user, 'add', 'add a user; asks for the password', '<user>')
    .addHelpText('after', examples('user add ann', 'user add ann:PASSWORD'))
    .action(acting(add))
  command(user, 'get', 'show a user and its roles', '<user>')
    .addHelpText('after', examples('user get ann'))
    .action(acting(get))
  command(user, 'list', 'list all users').addHelpText('after', examples('user list')).action(acting(list))
  command(user, 'remove', 'remove a user', '<user>')
    .addHelpText('after', examples('user remove ann'))
    .action(acting(remove))
  command(user, 'grant', 'give roles to a user', '<user>')
    .option('--roles <ROLE>', 'a role; may be repeated', another)
    .addHelpText('after', examples('user grant ann --roles reader --roles writer'))
    .action(acting((made) => changeRoles(made, 'grant')))
  command(user, 'revoke', 'take roles from a user', '<user>')
    .option('--roles <ROLE>', 'a role; may be repeated', another)
    .addHelpText('after', examples('user revoke ann --roles writer'))
    .action(acting((made) => changeRoles(made, 'revoke')))
  command(user, 'passwd', 'change the password of a user; asks for it', '<user>')
    .addHelpText('after', examples('user passwd ann'))
    .action(acting(changePassword))
}

function another(role: string, before: readonly string[] = []): readonly string[] {
  return [...before, role]
}

async function add(made: Command): Promise<void> {
  const given = nameIn(made)
  await using api = await AuthApi.open(made)
  const colon = given.indexOf(':')
  const user = colon < 0 ? given : given.slice(0, colon)
  const password = colon < 0 ? await askPassword('New password: ', process.stdout) : given.slice(colon + 1)
  await api.change('PUT', 'users', user, named(user, password))
  print(`User ${user} created`)
}

async function get(made: Command): Promise<void> {
  const name = nameIn(made)
  await using api = await AuthApi.open(made)
  const { user = '', roles } = (await api.read('users', name)) as UserJson
  // etcdctl tries them as names first, and an empty name stays for each that is a whole role. Scripts that cut lines by blanks know.
  const empty = (roles ?? []).filter((role) => typeof role !== 'string').map(() => '')
  const names = (roles ?? []).map((role) => (typeof role === 'string' ? role : role.role))
  print(`User: ${user}\nRoles: ${[...empty, ...names].join(' ')}`)
}

async function list(made: Command): Promise<void> {
  if (made.args.length > 0) throw new CommandFailed(STATUS.wrong, 'No arguments accepted')
  await using api = await AuthApi.open(made)
  const { users } = (await api.read('users', '')) as { readonly users?: readonly UserJson[] | null }
  for (const { user = '' } of users ?? []) print(user)
}

async function remove(made: Command): Promise<void> {
  const name = nameIn(made)
  await using api = await AuthApi.open(made)
  await api.change('DELETE', 'users', name)
  print(`User ${name} removed`)
}

async function changeRoles(made: Command, verb: 'grant' | 'revoke'): Promise<void> {
  const { roles = [] } = made.opts<UserWords>()
  if (roles.length === 0) throw new CommandFailed(STATUS.wrong, 'No roles specified; please use `--roles`')
  const name = nameIn(made)
  await using api = await AuthApi.open(made)
  await api.changeUser(name, { user: name, roles: null, [verb]: roles })
  print(`User ${name} updated`)
}

async function changePassword(made: Command): Promise<void> {
  const name = nameIn(made)
  await using api = await AuthApi.open(made)
  await api.changeUser(name, named(name, await askPassword('New password: ', process.stdout)))
  print('Password updated')
}

/** An empty password is left out: the server refuses a user without one. */
function named(user: string, password: string): object {
  return { user, ...(password === '' ? {} : { password }), roles: null }
}

function nameIn(made: Command): string {
  const [name] = made.args
  if (name === undefined || made.args.length !== 1) {
    throw new CommandFailed(STATUS.wrong, 'Please provide a username')
  }
  return name
}
