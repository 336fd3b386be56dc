#!/usr/bin/env node
/**
 * The tool's command: which words it has, and which file knows what to do for each.
 *
 * Owns: the check of Node.js's version, the table of commands, in the order in which help lists them. A file is read when its
 * command is asked for, because starting is most of what a short command costs. Leaves to others: how words are read
 * (`muster/dispatch.ts`), the commands (`muster/`).
 */
import process from 'node:process'
import type { Command as Program } from 'commander'
import type { CommandFile } from './muster/dispatch.ts'

const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(`muster: needs Node.js 24 or newer, this is ${process.versions.node}\n`)
  process.exit(1)
}
// Compiled once, not at each start. In a folder that is this user's own: what is kept there is run.
const cacheFolder = process.env['XDG_CACHE_HOME'] || (process.env['HOME'] && `${process.env['HOME']}/.cache`)
if (cacheFolder) (await import('node:module')).enableCompileCache(`${cacheFolder}/muster`)

const FILES: readonly CommandFile[] = [
  {
    commands: ['get', 'set', 'mk', 'update', 'rm', 'ls', 'mkdir', 'setdir', 'updatedir', 'rmdir'],
    add: async (program) => (await import('./muster/etcdctl/keys.ts')).addKeyCommands(program),
  },
  {
    commands: ['watch', 'exec-watch'],
    add: async (program) => (await import('./muster/etcdctl/watch.ts')).addWatchCommands(program),
  },
  { commands: ['status'], add: async (program) => (await import('./muster/status.ts')).addStatus(program) },
  {
    commands: ['cluster-health'],
    add: async (program) => (await import('./muster/etcdctl/health.ts')).addClusterHealth(program),
  },
  {
    commands: ['member'],
    add: async (program) => (await import('./muster/etcdctl/members.ts')).addMemberCommands(program),
  },
  { commands: ['user'], add: async (program) => (await import('./muster/etcdctl/users.ts')).addUserCommands(program) },
  {
    commands: ['role', 'auth'],
    add: async (program) => (await import('./muster/etcdctl/roles.ts')).addRoleCommands(program),
  },
  { commands: ['backup'], add: async (program) => (await import('./muster/etcdctl/backup.ts')).addBackup(program) },
  {
    commands: ['healthcheck'],
    add: async (program) => (await import('./muster/healthcheck.ts')).addHealthcheck(program),
  },
  { commands: ['import'], add: async (program) => (await import('./muster/import.ts')).addImport(program) },
  { commands: ['render'], add: async (program) => (await import('./muster/render.ts')).addRender(program) },
  { commands: ['env'], add: async (program) => (await import('./muster/env.ts')).addEnv(program) },
  { commands: ['export'], add: async (program) => (await import('./muster/export.ts')).addExport(program) },
  { commands: ['register'], add: async (program) => (await import('./muster/register.ts')).addRegister(program) },
  {
    commands: ['registrator'],
    add: async (program) => (await import('./muster/registrator.ts')).addRegistrator(program),
  },
  { commands: ['discover'], add: async (program) => (await import('./muster/discover.ts')).addDiscover(program) },
  {
    commands: ['ambassador'],
    add: async (program) => (await import('./muster/ambassador.ts')).addAmbassador(program),
  },
  { commands: ['agent'], add: async (program) => (await import('./muster/agent.ts')).addAgent(program) },
  { commands: ['lock'], add: async (program) => (await import('./muster/lock.ts')).addLock(program) },
  { commands: ['elect'], add: async (program) => (await import('./muster/elect.ts')).addElect(program) },
  {
    commands: ['completion'],
    add: async (program) =>
      (await import('./muster/completion.ts')).addCompletion(program, () => withAllCommands(makeProgram(), FILES)),
  },
]

const { Command } = await import('commander')
const { addGlobalOptions } = await import('./muster/connection.ts')
const { dispatch, withAllCommands } = await import('./muster/dispatch.ts')

function makeProgram(): Program {
  const program = new Command('muster')
    .description('Keys, members and users of a muster or etcd v2 cluster, and the tools around them.')
    .usage('[options] COMMAND')
    .enablePositionalOptions()
    .showHelpAfterError('(muster COMMAND --help says more)')
    .version('', '-v, --version', 'print the version')
    .exitOverride((reason) => process.exit(reason.exitCode === 0 ? 0 : 2))
  return addGlobalOptions(program)
}

await dispatch(makeProgram, FILES, process.argv.slice(2))
