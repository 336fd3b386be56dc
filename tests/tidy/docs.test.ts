/** What users look up is written down: every option and every error code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { renderOptionsPage } from '../../scripts/options-markdown.ts'
import { OPTION_ROWS } from '../../src/config/options.ts'
import { nameOf, ROOT, sources, walk } from './sources.ts'

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** Our error codes in string literals and in types. Variables of the environment are made from flags and never written out. */
function codesInSources(): ReadonlySet<string> {
  const codes = new Set<string>()
  for (const file of sources('src', 'bin')) {
    walk(file.body, (node) => {
      const text = nameOf(node)
      if (node.type === 'Literal' && /^MUSTER_[A-Z][A-Z_]*[A-Z]$/.test(text)) codes.add(text)
      return undefined
    })
  }
  return codes
}

test('docs/options.md is what the table of options says', () => {
  expect(read('docs/options.md') === renderOptionsPage(), 'run `npm run fix`').toBe(true)
})

test('every option reaches somebody who acts by it', () => {
  const read = new Set<string>()
  for (const file of sources('src', 'bin').filter(({ path }) => !/^src\/config\/(?!bootstrap)/.test(path))) {
    walk(file.body, (node) => {
      if (node.type === 'MemberExpression') read.add(nameOf(node['property']))
      if (node.type === 'Property') read.add(nameOf(node['key']))
      return undefined
    })
  }
  expect(OPTION_ROWS.map(([key, { field }]) => field ?? key).filter((key) => !read.has(key))).toEqual([])
})

test('every error code is explained in docs/errors.md, and no other', () => {
  const documented = [...read('docs/errors.md').matchAll(/^### `(MUSTER_[A-Z_]+)`$/gm)].map((match) => match[1])
  expect(documented.toSorted(), 'explain each code under a heading of its own').toEqual([...codesInSources()].sort())
})

/** Paths that a page links to, from the root of this repository. */
function linksOf(page: string): readonly string[] {
  const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1] ?? '')
  return links.map((link) => join(page, '..', link))
}

function documents(): readonly string[] {
  const names = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  return names.map((name) => `docs/${name}`)
}

test('links between the pages of this repository lead somewhere', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'COMPATIBILITY.md', ...documents()]
  const broken = pages.flatMap((page) => {
    const missing = linksOf(page).filter((path) => !existsSync(join(ROOT, path)))
    return missing.map((path) => `${page}: ${path}`)
  })
  expect(broken).toEqual([])
})

test('what the pages in the package link to is in the package', () => {
  const { files } = JSON.parse(read('package.json')) as { readonly files: readonly string[] }
  const isPacked = (path: string) => files.some((file) => path === file || path.startsWith(`${file}/`))
  const pages = ['README.md', 'CHANGELOG.md', 'COMPATIBILITY.md', ...documents()]
  expect(pages.filter((page) => !isPacked(page))).toEqual([])
  expect(pages.flatMap((page) => linksOf(page).filter((path) => !isPacked(path)))).toEqual([])
})
