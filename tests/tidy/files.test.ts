/** Files are small, say what they own, are used, and hold no leftovers. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type AstNode, lineAt, nameOf, ROOT, sources, valueExports, walk } from './sources.ts'

const LINES_MAX = 400
/** A test file is a list, and reads well at a greater length. */
const TEST_LINES_MAX = 600
/** Longer files and the reason why they hold one behaviour all the same. */
const LONG_FILES: Readonly<Record<string, string>> = {}

const PRODUCT = ['src', 'bin'] as const
const EVERYTHING = [...PRODUCT, 'tests', 'bench', 'scripts'] as const

test('every file opens with a comment that says what it owns', () => {
  const bare = sources(...PRODUCT, 'bench', 'scripts')
    .filter(({ text }) => !/^(#!.*\n)?(\/\*\*[\s\S]{20,}?\*\/|\/\/ .{20,})/.test(text))
    .map(({ path }) => path)
  expect(bare, 'open the file with /** … */: what it owns, what it leaves to others').toEqual([])
})

test(`no file is longer than ${LINES_MAX} lines, and no test longer than ${TEST_LINES_MAX}`, () => {
  const long = sources(...EVERYTHING)
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ path, lines }) => lines > (path.startsWith('tests/') ? TEST_LINES_MAX : LINES_MAX))
    .filter(({ path }) => LONG_FILES[path] === undefined)
    .map(({ path, lines }) => `${path}: ${lines} lines`)
  expect(long, 'split it by behaviour, or list it in LONG_FILES with a reason').toEqual([])
})

test('nothing is left to do in the sources', () => {
  const marks = new RegExp(`\\b(${['TO', 'FIX', 'XX'].join('|')})(DO|ME|X)\\b`)
  const left = sources(...EVERYTHING).flatMap(({ path, text }) => {
    return text.split('\n').flatMap((line, at) => (marks.test(line) ? [`${path}:${at + 1} ${line.trim()}`] : []))
  })
  expect(left, 'do it, or open an issue').toEqual([])
})

test('every folder of src/ has a DESIGN.md', () => {
  const missing = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(ROOT, 'src', entry.name)).length > 0)
    .filter((entry) => !existsSync(join(ROOT, 'src', entry.name, 'DESIGN.md')))
    .map((entry) => entry.name)
  expect(missing, 'a page: purpose, the two or three ideas, what was decided against').toEqual([])
})

test('every file that a comment names exists', () => {
  const paths = [...sources(...EVERYTHING).map(({ path }) => path), 'vitest.config.ts']
  const wrong = sources(...PRODUCT).flatMap(({ path, text }) => {
    const comments = text.match(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g) ?? []
    const names = comments.flatMap((comment) => comment.match(/(?<![*\w./-])\w[\w./-]*\.ts\b/g) ?? [])
    return names
      .filter((name) => !paths.some((known) => known === name || known.endsWith(`/${name}`)))
      .map((name) => `${path} names ${name}`)
  })
  expect(wrong, 'say where it is now').toEqual([])
})

test('every source file is used', () => {
  const files = new Map(sources(...EVERYTHING).map((file) => [file.path, file]))
  const reached = new Set<string>()
  const open = [...files.keys()].filter((path) => !path.startsWith('src/'))
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue
    reached.add(path)
    for (const { target } of files.get(path)?.imports ?? []) if (target !== undefined) open.push(target)
  }
  const dead = [...files.keys()].filter((path) => !reached.has(path))
  expect(dead, 'remove it, or use it').toEqual([])
})

test('every exported function, class and constant is imported somewhere', () => {
  const imported = new Set<string>()
  for (const file of sources(...EVERYTHING)) {
    for (const { target, names } of file.imports) for (const name of names) imported.add(`${target} ${name}`)
  }
  const unused = sources('src').flatMap((file) => {
    if (imported.has(`${file.path} *`)) return []
    return valueExports(file)
      .filter((name) => !imported.has(`${file.path} ${name}`))
      .map((name) => `${file.path} exports ${name}`)
  })
  expect(unused, 'make it private to its file, or remove it').toEqual([])
})

test('no test waits for a fixed time', () => {
  const sleeps = sources('tests')
    .filter(({ path }) => !path.startsWith('tests/support/'))
    .flatMap((file) => {
      const found: string[] = []
      walk(file.body, (node) => {
        if (isSleep(node)) found.push(`${file.path}:${lineAt(file, node.start)}`)
        return undefined
      })
      return found
    })
  expect(sleeps, 'wait for a condition with a deadline; see tests/support/').toEqual([])
})

/** `setTimeout(…, 100)` and, from timers/promises, `setTimeout(100)`. */
function isSleep(node: AstNode): boolean {
  if (node.type !== 'CallExpression' || !/^(setTimeout|sleep|delay)$/.test(nameOf(node['callee']))) return false
  const callArguments = node['arguments'] as readonly AstNode[]
  return callArguments.slice(0, 2).some((one) => one.type === 'Literal' && typeof one['value'] === 'number')
}
