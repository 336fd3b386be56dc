/** The lock file installs everywhere, and says nothing about where packages come from. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './sources.ts'

interface LockEntry {
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, LockEntry>>
}

test('every optional package of every platform stands in the lock file', () => {
  // npm leaves out those that could not be fetched where the file was written, and then refuses `npm ci` everywhere.
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) => {
    return Object.keys(optionalDependencies)
      .filter((name) => packages[`node_modules/${name}`] === undefined)
      .map((name) => `${name}, wanted by ${path}`)
  })
  expect(missing, 'add them with version, cpu and os, like their siblings').toEqual([])
})

test('no download address stands in the lock file', () => {
  const addressed = Object.keys(packages).filter((path) => packages[path]?.resolved !== undefined)
  expect(addressed, 'install with omit-lockfile-registry-resolved=true, as .npmrc says').toEqual([])
})
