/**
 * Results of real clients as a table.
 *
 * Owns: the words beside what passed. Leaves to others: which tests passed (`tests/clients/`), the page (`clients-matrix.ts`).
 */
import { CLIENTS, type ClientName, type Result, SETUPS } from '../tests/clients/results.ts'

/** Where each comes from, and what is tried. */
const ABOUT: Readonly<Record<ClientName, { readonly source: string; readonly what: string }>> = {
  etcdctl: {
    source: 'Debian `etcd-client`, `ETCDCTL_API=2`; stands for the Go client',
    what: 'every v2 command and output format, users, roles and passwords: output, errors and exit status equal to those on etcd 3.4',
  },
  'python-etcd': {
    source: 'Debian `python3-etcd`',
    what: 'keys, directories, TTL, watch, eternal watch, lock, election by lock, fail-over; auth with users and roles',
  },
  'node-etcd': {
    source: 'npm',
    what: 'keys, directories, watch, watcher and its resync, synchronous calls, fail-over',
  },
  Patroni: {
    source: 'Debian `patroni`, its `etcd:` section, two `postgresql` servers',
    what:
      'a primary is elected and replicates; killed, it is replaced and comes back as replica (one and three members); a killed leader ' +
      'of muster demotes nobody (three members)',
  },
}

/** The table, a row for each client. What did not pass is shown as such. */
export function renderClientsMatrix(results: readonly Result[]): string {
  const rows = CLIENTS.map((client) => {
    const own = results.filter((result) => result.client === client)
    const versions = [...new Set(own.map(({ version }) => version))].join(', ')
    const cells = SETUPS.map((setup) => (own.some((result) => result.setup === setup) ? '✓' : 'failed, or did not run'))
    const { source, what } = ABOUT[client]
    return `| ${[`${client} ${versions}`, source, what, ...cells].join(' | ')} |\n`
  })
  const head =
    '| Client | From | What | One member | Three members | TLS, one | TLS, three | Auth |\n|---|---|---|---|---|---|---|---|\n'
  return head + rows.join('')
}
