/**
 * What was said of each flag, wherever it was said: command line, environment, file.
 *
 * Owns: reading one value, and the sentence when that fails. Leaves to others: who comes before whom (`load.ts`).
 */
import type { Option, OptionKind } from './option.ts'
import { parseValue, type ValueOfKind } from './values.ts'

/** Where a value came from, for the sentence that says what is wrong with it. */
export interface Setting {
  readonly text: string
  /** As it stands in a sentence: `flag --name`, `ETCD_NAME`, `name in /etc/etcd.conf`. */
  readonly source: string
  readonly fromFlag: boolean
}

/** By flag. */
export type Settings = ReadonlyMap<string, Setting>

/** Ends the loading with a sentence. Status 2 for a slip on the command line, as Go programs do; 1 for all else. */
export class LoadError extends Error {
  readonly exitCode: 1 | 2

  constructor(exitCode: 1 | 2, message: string, cause?: unknown) {
    super(message, { cause })
    this.exitCode = exitCode
  }
}

/** The value of one option, from the setting or the default. Throws a LoadError. */
export function readSetting<K extends OptionKind>(
  settings: Settings,
  option: Option & { readonly kind: K },
): ValueOfKind[K] {
  const setting = settings.get(option.flag)
  if (setting === undefined) return parseValue(option, option.fallback)
  try {
    return parseValue(option, setting.text)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const message = `invalid value "${setting.text}" for ${setting.source}: ${error.message}`
    throw new LoadError(setting.fromFlag ? 2 : 1, message, error)
  }
}
