/** What the examples' files say, where running them takes more than a test has. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { ROOT } from '../support/child.ts'

const EXAMPLES = join(ROOT, 'examples')

interface ComposeService {
  readonly image: string
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly deploy?: { readonly replicas: number }
  readonly depends_on?: Readonly<Record<string, unknown>>
}

test('every example has a README, and the list names all of them', () => {
  const list = readFileSync(join(EXAMPLES, 'README.md'), 'utf8')
  const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const named = [...list.matchAll(/\]\(([\w-]+)\/README\.md\)/g)].map(([, name]) => name)
  expect(named.toSorted()).toEqual(folders.map(({ name }) => name).sort())
  expect(named.filter((name) => !existsSync(join(EXAMPLES, `${name}`, 'README.md')))).toEqual([])
})

test('compose: three members, two instances, a registrator and an ambassador that know each other', () => {
  const text = readFileSync(join(EXAMPLES, 'compose/compose.yaml'), 'utf8')
  const { services } = parse(text, { merge: true }) as { readonly services: Readonly<Record<string, ComposeService>> }
  expect(Object.keys(services)).toEqual(['m1', 'm2', 'm3', 'web', 'registrator', 'ambassador'])
  for (const [name, { image, depends_on, volumes }] of Object.entries(services)) {
    expect(image, name).toBe('muster')
    for (const other of Object.keys(depends_on ?? {}))
      expect(services[other], `${name} waits for ${other}`).toBeDefined()
    for (const volume of volumes ?? []) {
      const [path = ''] = volume.split(':')
      if (path.startsWith('.')) expect(existsSync(join(EXAMPLES, 'compose', path)), volume).toBe(true)
    }
  }
  for (const name of ['m1', 'm2', 'm3']) {
    expect(services[name]?.environment).toMatchObject({
      MUSTER_NAME: name,
      MUSTER_ADVERTISE_CLIENT_URLS: `http://${name}:2379`,
      MUSTER_INITIAL_CLUSTER: expect.stringContaining(`${name}=http://${name}:2380`),
    })
  }
  expect(services['web']?.deploy?.replicas).toBe(2)
  const service = services['web']?.labels?.['SERVICE_8080_NAME']
  expect(services['ambassador']?.entrypoint).toContain(`${service}=0.0.0.0:8080`)
})
