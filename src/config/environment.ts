/**
 * Options from environment variables: `MUSTER_SOME_FLAG`, and `ETCD_SOME_FLAG` where the former is not set.
 *
 * Owns: which variables are ours, and the warnings about those that nobody knows. Empty variables count as not set.
 */
import { OBSOLETE_FLAGS } from './obsolete.ts'
import { variableOf } from './option.ts'
import { OPTION_ROWS } from './options.ts'

/** What the environment says of one flag. */
export interface VariableSetting {
  readonly variable: string
  readonly text: string
}

/** By flag. Both maps are in the order of the tables. */
export interface EnvironmentSettings {
  readonly settings: ReadonlyMap<string, VariableSetting>
  readonly warnings: readonly string[]
}

export type Environment = Readonly<Record<string, string | undefined>>

const PREFIXES = ['MUSTER_', 'ETCD_'] as const
/** What `muster`, the tool, and clients of etcd read: one environment may serve them and a member. */
const OF_OTHER_PROGRAMS =
  /^(MUSTER_(ENDPOINTS|USERNAME|CACERT|CERT|KEY|(LOCK|ELECT|SERVICE)\w*)|ETCD_(MACHINES|HOST|WATCH_\w+))$/

export function readEnvironment(env: Environment): EnvironmentSettings {
  const settings = new Map<string, VariableSetting>()
  const known = new Set<string>()
  for (const flag of [...OPTION_ROWS.map(([, option]) => option.flag), ...OBSOLETE_FLAGS.map((row) => row.flag)]) {
    for (const prefix of PREFIXES) {
      const variable = variableOf(flag, prefix)
      known.add(variable)
      const text = env[variable]
      if (text !== undefined && text !== '' && !settings.has(flag)) settings.set(flag, { variable, text })
    }
  }
  return { settings, warnings: unknownVariables(env, known) }
}

/** Without the values: a variable that is not ours may hold a secret. */
function unknownVariables(env: Environment, known: ReadonlySet<string>): readonly string[] {
  return Object.keys(env)
    .filter((name) => PREFIXES.some((prefix) => name.startsWith(prefix)) && !known.has(name) && env[name] !== '')
    .filter((name) => !OF_OTHER_PROGRAMS.test(name))
    .sort()
    .map((name) => `unrecognized environment variable ${name}`)
}
