/**
 * The words that say where services are announced, for `muster discover` and `muster ambassador`.
 *
 * Owns: their options.
 */
import { type Command, Option } from 'commander'
import type { LookOptions, ReadableLayout } from '../../src/sidecar/instance-list.ts'

export interface LookWords {
  readonly layout?: ReadableLayout
  readonly prefix?: string
  readonly domain?: string
}

/** Adds them. */
export function addLookOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--layout <NAME>',
        'registrator, json or skydns2 (default: registrator, which reads json too)',
      ).choices(['registrator', 'json', 'skydns2'] satisfies ReadableLayout[]),
    )
    .option('--prefix <PATH>', 'directory of the services (default: /services)')
    .option('--domain <DOMAIN>', 'domain for skydns2 (default: skydns.local)')
}

/** Where the words say to look. */
export function lookOf({ layout, prefix, domain }: LookWords): LookOptions {
  return {
    ...(layout === undefined ? {} : { layout }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(domain === undefined ? {} : { domain }),
  }
}
