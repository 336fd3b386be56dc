/**
 * `muster backup`: etcdctl's command of that name copies etcd's own files, which muster does not have.
 *
 * Owns: saying so, and what to do instead.
 */
import type { Command } from 'commander'
import { acting, command, examples } from './command.ts'
import { CommandFailed, STATUS } from './failures.ts'

/** Adds the command. */
export function addBackup(program: Command): void {
  command(program, 'backup', 'not here: muster export writes the keys of a running cluster')
    .option('--data-dir <DIR>', 'taken and not used, as the others')
    .option('--wal-dir <DIR>', '')
    .option('--backup-dir <DIR>', '')
    .option('--backup-wal-dir <DIR>', '')
    .option('--with-v3', '')
    .addHelpText('after', examples('export -o backup.jsonl', 'import backup.jsonl'))
    .action(
      acting(() => {
        const why = 'backup copies the files of an etcd that is stopped; muster has none.'
        throw new CommandFailed(STATUS.wrong, `Error:  ${why} Use muster export -o FILE while it runs.`)
      }),
    )
}
