/**
 * Command lines for etcdctl, in the order in which they are given: keys, watches, the cluster, users and roles.
 *
 * Owns: the lists. `@/key` in an argument stands for the index at which that key was changed last, on the server that is asked.
 */

/** One command line; `stdin` is what is piped into it. */
export interface Command {
  readonly args: readonly string[]
  readonly stdin?: string
}

const line = (text: string): Command => ({ args: text.split(' ') })

/** Each way of printing, for what there is to print. */
const formats = (text: string): readonly Command[] =>
  ['simple', 'extended', 'json', 'bad'].map((format) => line(`-o ${format} ${text}`))

/** Runs a command of the shell for a change, which shows what it is told and then ends etcdctl. */
const execWatch = (text: string): Command => ({
  args: ['exec-watch', ...text.split(' '), 'sh', '-c', 'env | grep ETCD_WATCH_ | sort; kill $PPID'],
})

export const KEY_COMMANDS: readonly Command[] = [
  ...['get', 'get /none', 'get --quorum /none', 'ls /none', 'rm /none', 'rmdir /none', 'update /none x'].map(line),
  ...['set /a 1', 'set /a 2', 'set --ttl 100 /t 1', 'get /a', 'get -q /a', 'get --sort /a', 'mk /a 1', 'mk /b 1'].map(
    line,
  ),
  ...['get /t', 'set /a/below x', 'set /a', 'set', 'mk --ttl 50 /m 1', 'update /b 2', 'update --ttl 30 /b 3'].map(line),
  { args: ['set', '/piped'], stdin: 'from a pipe\n' },
  { args: ['get', '/piped'] },
  { args: ['set', '/empty', ''] },
  { args: ['set', '/unicode', 'é ü & <x> "q" \\ 日本'] },
  { args: ['-o', 'json', 'get', '/unicode'] },
  { args: ['set', '--', '/minus', '-5'] },
  { args: ['set', '/path with space/é', 'x'] },
  { args: ['ls', '/path with space'] },
  ...['set --swap-with-value 2 /a 3', 'set --swap-with-value no /a 4', 'set --swap-with-index @/a /a 5'].map(line),
  ...['set --swap-with-index 1 /a 6', 'set --swap-with-value 1 /none 6', 'get /a'].map(line),
  ...['mkdir /d', 'mkdir /d', 'mkdir --ttl 100 /dt', 'setdir /d', 'setdir /d2', 'updatedir --ttl 60 /d', 'get /d'].map(
    line,
  ),
  ...[
    'set /d x',
    'set /d/x 1',
    'set /d/sub/y 2',
    'set /d/_hidden 3',
    'mk --in-order /q one',
    'mk --in-order /q two',
  ].map(line),
  ...['ls', 'ls /', 'ls /d', 'ls -p /d', 'ls --sort -r -p /', 'ls -r -q --sort /d', 'ls /d/x', 'ls --sort /q'].map(
    line,
  ),
  ...formats('get /a'),
  ...formats('get /t'),
  ...formats('get /none'),
  ...formats('get /d'),
  ...formats('set /f v'),
  ...formats('set /f v2'),
  ...formats('ls --sort /q'),
  ...formats('mkdir /fd'),
  ...formats('rm /f'),
  ...formats('rm --with-value no /a'),
  ...['rmdir /d', 'rm /d', 'rm --dir /d', 'rmdir /d2', 'rmdir /a', 'rm -r /d', 'rm / -r', 'rm --dir /fd'].map(line),
  ...['rm --with-value 5 /a', 'set /a 1', 'rm --with-index 1 /a', 'rm --with-index @/a /a', 'rm -r /q', 'rm'].map(line),
  ...['--timeout 21s --total-timeout 31s get /b', '--no-sync get /b', '--debug --no-sync get /b', 'nosuchcommand'].map(
    line,
  ),
]

/** Changes that watches look back on, and the watches. */
export const WATCH_COMMANDS: readonly Command[] = [
  ...['set /w/first 0', 'set /w/a 1', 'update /w/a 2', 'set --swap-with-value 2 /w/a 3', 'mkdir /w/dir', 'rm /w/a'].map(
    line,
  ),
  ...[
    'set /w/b é',
    'rmdir /w/dir',
    'watch',
    'watch --after-index @/w/first /w/a',
    'watch /w/a --after-index @/w/first',
  ].map(line),
  ...formats('watch --after-index @/w/first /w/a'),
  ...formats('watch -r --after-index @/w/first /w'),
  ...formats('watch --recursive --after-index @/w/first /'),
  ...['set /w/mark x', 'set /w/c é', 'set /w/mark2 x', 'mkdir /w/dir2', 'set /w/dir2/x 1'].map(line),
  execWatch('--after-index @/w/mark -- /w/c --'),
  execWatch('-r --after-index @/w/mark2 -- /w/dir2 --'),
  line('exec-watch /w/a'),
]

export const CLUSTER_COMMANDS: readonly Command[] = [
  ...['member list', 'cluster-health', '--no-sync member list', 'member', 'member add', 'member add x'].map(line),
  ...['member remove', 'member remove 123', 'member remove zzz', 'member remove m1x', 'member update 123'].map(line),
  ...['member update 123 http://127.0.0.1:1', 'member add bad notaurl', 'member add bad http://127.0.0.1:1/path'].map(
    line,
  ),
  ...['--version', '--debug --no-sync cluster-health'].map(line),
]

/** With a majority to spare. `#` stands for the id of the member that was added and not started. */
export const MEMBER_COMMANDS: readonly Command[] = [
  ...['member add new http://127.0.0.1:1', 'member add new http://127.0.0.1:1', 'member list'].map(line),
  ...['member update # http://127.0.0.1:2', 'member list', 'member remove new', 'member remove #', 'member list'].map(
    line,
  ),
]

/** While auth is off. */
export const USER_COMMANDS: readonly Command[] = [
  ...['user list', 'role list', 'user get none', 'role get none', 'role get root', 'auth enable', 'auth disable'].map(
    line,
  ),
  ...[
    'user add root:rootpw',
    'user add ann:annpw',
    'user add ann:other',
    'user add bob:bobpw',
    'user list',
    'user get ann',
  ].map(line),
  ...['role add reader', 'role add reader', 'role grant reader', 'role grant reader --path /open/* --read'].map(line),
  ...['role grant reader --path /mine --readwrite', 'role grant reader --path /w --write', 'role get reader'].map(line),
  ...[
    'role grant reader --path /w --write',
    'role revoke reader --path /w --write',
    'role get reader',
    'role list',
  ].map(line),
  ...[
    'role grant none --path /x --read',
    'role revoke reader --path /x',
    'role grant reader --path /x --read --write',
  ].map(line),
  ...['user grant ann', 'user grant ann --roles reader', 'user grant ann --roles reader', 'user get ann'].map(line),
  ...['user grant none --roles reader', 'user revoke bob --roles reader', 'user remove none', 'user remove bob'].map(
    line,
  ),
  ...['set /open/a 1', 'set /mine 1', 'auth enable', 'auth enable', 'get /open/a', 'user list', 'set /guest 1'].map(
    line,
  ),
]

/** While auth is on. */
export const AUTH_COMMANDS: readonly Command[] = [
  ...['-u root:rootpw user list', '-u root:wrong user list', '-u ann:annpw user list', '-u none:x get /open/a'].map(
    line,
  ),
  ...['-u root:rootpw role get guest', '-u root:rootpw role revoke guest --path /* --readwrite', 'get /open/a'].map(
    line,
  ),
  ...[
    '-u ann:annpw get /open/a',
    '-u ann:annpw set /open/a 2',
    '-u ann:annpw set /mine 2',
    '-u ann:wrong get /mine',
  ].map(line),
  ...['-u ann:annpw get /none', '-u ann:annpw ls /', '-u ann:annpw rm /mine', '-u root:rootpw get /open/a'].map(line),
  ...[
    '-u root:rootpw user remove root',
    '-u root:rootpw role remove root',
    '-u root:rootpw user revoke ann --roles reader',
  ].map(line),
  ...['-u ann:annpw get /open/a', '-u root:rootpw role remove reader', '-u root:rootpw role remove reader'].map(line),
  ...['-u root:rootpw member list', '-u root:rootpw cluster-health', 'auth disable', '-u root:rootpw auth disable'].map(
    line,
  ),
  ...['get /open/a', 'user list'].map(line),
]
