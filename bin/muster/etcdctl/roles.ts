/**
 * `muster role` and `muster auth`: what roles may touch, and whether it counts, as etcdctl does it.
 *
 * Owns: the eight commands, their words and sentences.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Command } from 'commander'
import type { ConnectionWords } from '../connection.ts'
import { AuthApi } from './auth-api.ts'
import { acting, command, examples, group } from './command.ts'
import { CommandFailed, STATUS } from './failures.ts'
import { cleanPath } from './go-url.ts'
import { print } from './print.ts'

interface RoleWords extends ConnectionWords {
  readonly path?: string
  readonly read?: boolean
  readonly write?: boolean
  readonly readwrite?: boolean
}

/** Go writes a list that was never given as null. */
type Patterns = readonly string[] | null

interface RoleJson {
  readonly role?: string
  readonly permissions?: { readonly kv?: { readonly read?: Patterns; readonly write?: Patterns } }
}

const NO_PERMISSIONS = { kv: { read: null, write: null } }

/** Adds the commands. */
export function addRoleCommands(program: Command): void {
  const role = group(program, 'role', 'roles: add, get, list, remove, grant, revoke')
  command(role, 'add', 'add a role', '<role>').addHelpText('after', examples('role add reader')).action(acting(add))
  command(role, 'get', 'show what a role may touch', '<role>')
    .addHelpText('after', examples('role get reader'))
    .action(acting(get))
  command(role, 'list', 'list all roles').addHelpText('after', examples('role list')).action(acting(list))
  command(role, 'remove', 'remove a role', '<role>')
    .addHelpText('after', examples('role remove reader'))
    .action(acting(remove))
  for (const verb of ['grant', 'revoke'] as const) {
    command(role, verb, verb === 'grant' ? 'let a role touch keys' : 'let a role touch keys no more', '<role>')
      .option('--path <PATH>', 'a key; with * at its end all keys that begin so')
      .option('--read', 'reading')
      .option('--write', 'writing')
      .option('--rw, --readwrite', 'both')
      .addHelpText('after', examples(`role ${verb} reader --path '/services/*' --read`))
      .action(acting((made) => changePermissions(made, verb)))
  }
  const auth = group(program, 'auth', 'whether users and roles count: enable, disable')
  command(auth, 'enable', 'from now on everybody may do what his roles allow')
    .addHelpText('after', examples('auth enable'))
    .action(acting((made) => turn(made, true)))
  command(auth, 'disable', 'from now on everybody may do everything')
    .addHelpText('after', examples('-u root auth disable'))
    .action(acting((made) => turn(made, false)))
}

async function add(made: Command): Promise<void> {
  const name = nameIn(made)
  await using api = await AuthApi.open(made)
  const isThere = await api.read('roles', name).then(
    () => true,
    () => false,
  )
  if (isThere) throw new CommandFailed(STATUS.wrong, `Role ${name} already exists`)
  await api.change('PUT', 'roles', name, { role: name, permissions: NO_PERMISSIONS })
  print(`Role ${name} created`)
}

async function get(made: Command): Promise<void> {
  const name = nameIn(made)
  await using api = await AuthApi.open(made)
  const { role = '', permissions } = (await api.read('roles', name)) as RoleJson
  const lines = (patterns?: Patterns): string => (patterns ?? []).map((pattern) => `\t${pattern}\n`).join('')
  const { read, write } = permissions?.kv ?? {}
  print(`Role: ${role}\nKV Read:\n${lines(read)}KV Write:\n${lines(write)}`.replace(/\n$/, ''))
}

async function list(made: Command): Promise<void> {
  if (made.args.length > 0) throw new CommandFailed(STATUS.wrong, 'No arguments accepted')
  await using api = await AuthApi.open(made)
  const { roles } = (await api.read('roles', '')) as { readonly roles?: readonly RoleJson[] | null }
  for (const { role = '' } of roles ?? []) print(role)
}

async function remove(made: Command): Promise<void> {
  const name = nameIn(made)
  await using api = await AuthApi.open(made)
  await api.change('DELETE', 'roles', name)
  print(`Role ${name} removed`)
}

async function changePermissions(made: Command, verb: 'grant' | 'revoke'): Promise<void> {
  const words = made.opts<RoleWords>()
  const path = checkedPath(words.path ?? '')
  const kv = rights(words, path)
  const name = nameIn(made)
  await using api = await AuthApi.open(made)
  const before = await api.read('roles', name)
  const after = await api.change('PUT', 'roles', name, { role: name, permissions: NO_PERMISSIONS, [verb]: { kv } })
  const unchanged = isDeepStrictEqual(before, after)
  print(`${unchanged ? `Role unchanged; already ${verb === 'grant' ? 'granted' : 'revoked'}` : ''}Role ${name} updated`)
}

function checkedPath(path: string): string {
  if (path === '') throw new CommandFailed(STATUS.wrong, 'No path specified; please use `--path`')
  const clean = cleanPath(path)
  const canonical = path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
  if (canonical === path) return path
  throw new CommandFailed(STATUS.wrong, `Not canonical path; please use \`--path=${canonical}\``)
}

function rights({ read, write, readwrite }: RoleWords, path: string): object {
  if ([read, write, readwrite].filter((given) => given === true).length !== 1) {
    throw new CommandFailed(STATUS.wrong, 'Please specify exactly one of --read, --write or --readwrite')
  }
  return { read: write === true ? null : [path], write: read === true ? null : [path] }
}

async function turn(made: Command, on: boolean): Promise<void> {
  if (made.args.length > 0) throw new CommandFailed(STATUS.wrong, 'No arguments accepted')
  await using api = await AuthApi.open(made)
  await api.change(on ? 'PUT' : 'DELETE', 'enable', '')
  print(`Authentication ${on ? 'Enabled' : 'Disabled'}`)
}

function nameIn(made: Command): string {
  const [name] = made.args
  if (name === undefined || made.args.length !== 1) {
    throw new CommandFailed(STATUS.wrong, 'Please provide a role name')
  }
  return name
}
