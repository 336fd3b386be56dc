/**
 * Names of users and groups as numbers.
 *
 * Owns: reading `/etc/passwd` and `/etc/group`; directories of users on the network are not asked.
 */
import { readFileSync } from 'node:fs'

/** Undefined: there is no such user. */
export function userId(name: string): number | undefined {
  return idIn('/etc/passwd', name)
}

/** Undefined: there is no such group. */
export function groupId(name: string): number | undefined {
  return idIn('/etc/group', name)
}

function idIn(file: string, name: string): number | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const line = text.split('\n').find((one) => one.startsWith(`${name}:`))
  const id = Number(line?.split(':')[2])
  return line === undefined || !Number.isInteger(id) ? undefined : id
}
