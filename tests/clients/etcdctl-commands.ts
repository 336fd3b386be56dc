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

const FORMATS = ['simple', 'extended', 'json', 'bad']
const READING = /^(get|ls|watch) /

/**
 * Each way of printing, for what there is to print. `FORMAT` in a command stands for its name: a change has a key of its own for each,
 * for after the first one the others would only see that it was made.
 */
function formats(...texts: readonly string[]): readonly Command[] {
  for (const text of texts) {
    if (!READING.test(text) && !text.includes('FORMAT')) throw new Error(`no key of its own for each format: ${text}`)
  }
  return FORMATS.flatMap((format) => texts.map((text) => line(`-o ${format} ${text.replaceAll('FORMAT', format)}`)))
}

/** Runs a command of the shell for a change, which shows what it is told and then ends etcdctl. */
const execWatch = (text: string): Command => ({
  args: ['exec-watch', ...text.split(' '), 'sh', '-c', 'env | grep ETCD_WATCH_ | sort; kill $PPID'],
})

export const KEY_COMMANDS: readonly Command[] = [
  ...['get', 'get /none', 'get --quorum /none', 'ls /none', 'rm /none', 'rmdir /none', 'update /none x'].map(line),
  ...['set /a 1', 'set /a 2', 'set --ttl 900 /t 1', 'get /a', 'get -q /a', 'get --sort /a', 'mk /a 1', 'mk /b 1'].map(
    line,
  ),
  ...['get /t', 'set /a/below x', 'set /a', 'set', 'mk --ttl 900 /m 1', 'update /b 2', 'update --ttl 900 /b 3'].map(
    line,
  ),
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
  ...['mkdir /d', 'mkdir /d', 'mkdir --ttl 900 /dt', 'setdir /d', 'setdir /d2', 'updatedir --ttl 900 /d', 'get /d'].map(
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
  ...formats('ls --sort /q'),
  ...formats('mk /f-FORMAT v', 'mk --ttl 900 /ft-FORMAT v', 'mk --in-order /q-FORMAT v', 'mk /f-FORMAT v'),
  ...formats('set /f-FORMAT v2', 'set --swap-with-value v2 /f-FORMAT v3', 'update --ttl 900 /f-FORMAT v4'),
  ...formats('rm --with-value no /f-FORMAT', 'rm --with-value v4 /f-FORMAT', 'rm /f-FORMAT', 'rmdir /ft-FORMAT'),
  ...formats('mkdir /fd-FORMAT', 'mkdir /fd-FORMAT', 'mkdir --ttl 900 /fdt-FORMAT', 'set /fdt-FORMAT/x 1'),
  ...formats('setdir --ttl 900 /fs-FORMAT', 'setdir /fs-FORMAT', 'set /fk-FORMAT v', 'setdir /fk-FORMAT'),
  ...formats('updatedir --ttl 900 /fd-FORMAT', 'updatedir /fdt-FORMAT', 'updatedir /none-FORMAT'),
  ...formats('rmdir /fdt-FORMAT', 'rm -r /fdt-FORMAT', 'rm /fd-FORMAT', 'rm --dir /fd-FORMAT', 'rmdir /fs-FORMAT'),
  ...formats('rm -r --dir /fk-FORMAT', 'rm -r /q-FORMAT'),
  ...['rmdir /d', 'rm /d', 'rm --dir /d', 'rmdir /d2', 'rmdir /a', 'rm -r /d', 'rm / -r'].map(line),
  ...['rm --with-value 5 /a', 'set /a 1', 'rm --with-index 1 /a', 'rm --with-index @/a /a', 'rm -r /q', 'rm'].map(line),
  ...['--timeout 21s --total-timeout 31s get /b', '--no-sync get /b', '--debug --no-sync get /b', 'nosuchcommand'].map(
    line,
  ),
]

/** How words are read: flags in all their forms and places, and what is wrong with them. */
export const WORD_COMMANDS: readonly Command[] = [
  ...['-x get /a', 'get -x /a', 'get /a -x', 'get --sort=false /a', 'get -sort=x /a', 'set --ttl x /a b'].map(line),
  ...['set /w1 -5', 'set /w1 --ttl 900 x', 'set /w1 x --ttl=900', 'set /w1 x -ttl 900', 'get --sort -quorum=1 /w1'].map(
    line,
  ),
  ...['--timeout 3 get /w1', '--timeout=1m30s get /w1', '-timeout=1.5h get /w1', '--timeout 0 get /w1'].map(line),
  ...['ls -rp /', 'ls -r -p=false --sort /d', 'rm -- /w1', 'get /w1 /w2', 'help', 'h', 'help get', 'get -h'].map(line),
  ...['--help', '-h', 'get --help /a', '--help=false ls', '--debug=maybe ls', 'member foo', 'user', 'role nosuch'].map(
    line,
  ),
  ...['- get /a', '-- ls', 'ls --sort -- /', 'get -', 'set --ttl 0x400 /h v', 'set --ttl 01700 /h v'].map(line),
  ...['set --ttl -1 /h v', 'set --ttl=-1 /h v', 'set --ttl 1_000 /h v', 'set --ttl 99999999999999999999 /h v'].map(
    line,
  ),
  ...['set --swap-with-index -1 /h v', 'rm --with-index -1 /h'].map(line),
  ...['watch --after-index 1x /a', 'exec-watch', 'exec-watch /a', 'exec-watch -- /a', '---x', '-=x', 'get --=x /a'].map(
    line,
  ),
  ...['--endpoints http://127.0.0.1:1 get /a', '--endpoints http://127.0.0.1:1 --no-sync get /a'].map(line),
  ...['--endpoints http://127.0.0.1:1 --no-sync mk /a 1', '--endpoints http://127.0.0.1:1 --no-sync set /a 1'].map(
    line,
  ),
  ...['--endpoints http://127.0.0.1:1 cluster-health', '--endpoints http://127.0.0.1:1 member list'].map(line),
  ...['--endpoints http://127.0.0.1:1 user list', '--endpoints http://127.0.0.1:1 --no-sync role list'].map(line),
  ...['--endpoints http://127.0.0.1:1 --no-sync watch /a', '--endpoints http://127.0.0.1:1 get'].map(line),
  ...['--ca-file /none get /a', '-o json get /none', '--output= get /h'].map(line),
  ...['get //w//x/', 'get h', 'set w/../e 1', 'get /', 'ls //', 'rm -r /e/', "mk /p!'()*,;:@&=+$b?#% 1"].map(line),
  { args: ['get', ''] },
  { args: ['set', '', 'x'] },
  { args: ['--debug', '--no-sync', 'set', '--ttl', '900', '/b ü', 'x y&=<>'] },
  { args: ['-o', 'json', 'set', '/j', '<a>&ü\u2028\b\f\t\\b"'] },
  { args: ['-o', 'extended', 'get', '/j'] },
  ...['--debug --no-sync mkdir --ttl 900 /dd', '--debug --no-sync mk --in-order /dd x', '--debug member list'].map(
    line,
  ),
  ...['--debug --no-sync rm --with-value x --with-index 7 /j', '--debug --no-sync rm -r --dir /dd', '--debug ls'].map(
    line,
  ),
  ...['--debug user list', '--debug --no-sync user add carl:x', '--debug --no-sync role add r', 'user get'].map(line),
  ...[
    '--debug --no-sync role grant r --path /a --rw',
    'role grant r --path a/ --rw',
    'role grant r --path /a//b --read',
  ].map(line),
  ...[
    'role grant r',
    'role grant r --path /a',
    'role grant r --path /a --read extra',
    'role get x/y',
    'user get /',
  ].map(line),
  ...['user list x', 'member list x', 'auth enable x', 'role list x', 'user grant carl --roles a,b --roles c'].map(
    line,
  ),
  ...['--debug --no-sync user revoke carl --roles c', 'user get carl:x', 'user remove carl', 'role remove r'].map(line),
  { args: ['user', 'add', 'dora'], stdin: 'secret\n' },
  { args: ['user', 'passwd', 'dora'], stdin: 'other\n' },
  { args: ['user', 'add', 'emil'], stdin: '' },
  { args: ['-u', 'dora', 'get', '/h'], stdin: 'other\n' },
  { args: ['set', '/piped'], stdin: '' },
  { args: ['mk', '/piped2'], stdin: 'line 1\nline 2\n' },
  { args: ['update', '/piped2'], stdin: 'x' },
  ...['member remove', 'member update', 'member add x http://a', 'member add x http://127.0.0.1:1?q'].map(line),
  ...['member add x http://127.0.0.1:PEER', 'member update 1 http://[::1]:x', 'member add x http://a:1:2'].map(line),
  { args: ['member', 'add', 'x', 'http://a b:1'] },
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
    'user add ann:first',
    'user add ann:other',
    'user add bob:bobpw',
    'user list',
    'user get ann',
  ].map(line),
  { args: ['user', 'passwd', 'ann'], stdin: 'annpw\n' },
  ...[
    'role add reader',
    'role get reader',
    'role add reader',
    'role grant reader',
    'role grant reader --path /open/* --read',
  ].map(line),
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
  { args: ['-u', 'ann:annpw', 'user', 'passwd', 'ann'], stdin: 'mine\n' },
  { args: ['-u', 'root:rootpw', 'user', 'passwd', 'ann'], stdin: 'second\n' },
  ...['-u ann:annpw get /open/a', '-u ann:second get /open/a'].map(line),
  { args: ['-u', 'root:rootpw', 'user', 'passwd', 'ann'], stdin: 'annpw\n' },
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
