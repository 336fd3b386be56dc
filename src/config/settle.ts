/**
 * What becomes of settings that are not ours, before ours are read.
 *
 * Owns: applying the fates of `obsolete.ts`, and taking the nearest that there is of a limit that is beyond our own bounds. Leaves
 * to others: files of options (`config-file.ts`).
 */
import { OBSOLETE_FLAGS } from './obsolete.ts'
import { translateAddresses } from './old-addresses.ts'
import { OPTIONS } from './options.ts'
import { LoadError, type Setting } from './settings.ts'
import { parseSwitch } from './switch.ts'

/**
 * Limits of etcd that may be larger than ours can be, where one that is too small for somebody says so when it is reached; or
 * smaller than is of use, since etcd itself does not go by them in the v2 API.
 */
const TAKEN_AS_NEAREST = [OPTIONS.maxRequestBytes]

/** Written without a value, as scripts do whose variable is empty, etcd goes by the default. */
const EMPTY_IS_NOT_GIVEN = ['initial-cluster', 'cors', 'listen-metrics-urls', 'log-level']

/** Leaves only settings of our options in `settings`. Returns the warnings. Throws a LoadError where going on would do harm. */
export function settle(settings: Map<string, Setting>): readonly string[] {
  const warnings: string[] = []
  for (const { flag, fate, note, neutral } of OBSOLETE_FLAGS) {
    const setting = settings.get(flag)
    if (setting === undefined) continue
    if (fate === 'refused' && setting.text !== '' && !neutral.includes(setting.text)) {
      throw new LoadError(1, `${setting.source} cannot be honoured: ${note}`)
    }
    if (fate === 'renamed') {
      warnings.push(`${setting.source} is obsolete: use --${note}`)
      if (!settings.has(note)) settings.set(note, setting)
    } else if (fate === 'translated') warnings.push(`${setting.source} is obsolete: it is taken as ${note}`)
    else if (fate !== 'file') warnings.push(`${setting.source} is ignored: ${note}`)
    if (fate !== 'translated') settings.delete(flag)
  }
  for (const flag of EMPTY_IS_NOT_GIVEN) if (settings.get(flag)?.text === '') settings.delete(flag)
  translateAddresses(settings)
  translateCaFile(settings, '')
  translateCaFile(settings, 'peer-')
  translateDebug(settings)
  return [...warnings, ...takeNearest(settings)]
}

/** Before 2.1 the file alone meant that certificates are demanded. */
function translateCaFile(settings: Map<string, Setting>, prefix: '' | 'peer-'): void {
  const setting = settings.get(`${prefix}ca-file`)
  if (setting === undefined) return
  settings.delete(`${prefix}ca-file`)
  if (setting.text === '') return
  if (!settings.has(`${prefix}trusted-ca-file`)) settings.set(`${prefix}trusted-ca-file`, setting)
  settings.set(`${prefix}client-cert-auth`, { ...setting, text: 'true' })
}

function translateDebug(settings: Map<string, Setting>): void {
  const setting = settings.get('debug')
  settings.delete('debug')
  if (setting !== undefined && parseSwitch(setting.text) === true && !settings.has('log-level')) {
    settings.set('log-level', { ...setting, text: 'debug' })
  }
}

function takeNearest(settings: Map<string, Setting>): readonly string[] {
  return TAKEN_AS_NEAREST.flatMap(({ flag, min, max, unit }) => {
    const setting = settings.get(flag)
    if (setting === undefined || !/^[0-9]+$/.test(setting.text)) return []
    const asked = Number(setting.text)
    const taken = Math.min(Math.max(asked, min), max)
    if (taken === asked) return []
    settings.set(flag, { ...setting, text: `${taken}` })
    const why = taken === max ? 'the most there can be' : 'the least that clients of the v2 API may send'
    return [`${setting.source} is ${setting.text}, and is taken as ${taken} ${unit}, ${why}`]
  })
}
