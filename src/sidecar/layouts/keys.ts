/**
 * The keys of an instance in all the layouts that were chosen.
 *
 * Owns: the table of layouts, and reading `--layout`.
 */
import type { ServiceInstance } from '../record.ts'
import { RegisterError } from '../register-error.ts'
import type { Layout, LayoutKey, LayoutName, Placement } from './layout.ts'
import { backendsLayout, traefik1Layout, vulcandLayout } from './proxies.ts'
import { jsonLayout, registratorLayout } from './services.ts'
import { skydns2Layout } from './skydns2.ts'

const LAYOUTS: Readonly<Record<LayoutName, Layout>> = {
  registrator: registratorLayout,
  json: jsonLayout,
  skydns2: skydns2Layout,
  backends: backendsLayout,
  vulcand: vulcandLayout,
  traefik1: traefik1Layout,
}

/** A key and the layout to which it belongs. */
export interface PlacedKey extends LayoutKey {
  readonly layout: LayoutName
}

/** Keys in the order in which they are written; removed in the reverse one. */
export function keysOf(
  instance: ServiceInstance,
  layouts: readonly LayoutName[],
  place: Placement,
): readonly PlacedKey[] {
  return layouts.flatMap((layout) => LAYOUTS[layout](instance, place).map((key) => ({ ...key, layout })))
}

/** Reads `a,b`. @throws RegisterError `MUSTER_REGISTER_BAD_SETTINGS` on a name that is none, or two that want the same keys. */
export function parseLayouts(text: string): readonly LayoutName[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))]
  const unknown = names.find((name) => !Object.hasOwn(LAYOUTS, name))
  if (unknown !== undefined) {
    const known = Object.keys(LAYOUTS).join(', ')
    throw new RegisterError('MUSTER_REGISTER_BAD_SETTINGS', `no layout "${unknown}": expected some of ${known}`)
  }
  if (names.includes('registrator') && names.includes('json')) {
    throw new RegisterError(
      'MUSTER_REGISTER_BAD_SETTINGS',
      'layouts "registrator" and "json" write the same keys: choose one',
    )
  }
  return names as LayoutName[]
}
