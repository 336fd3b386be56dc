/** The pure folders are deterministic: no clock, timer, promise, random source, locale or process. */
import { expect, test } from 'vitest'
import { IMPURE_FILES, PURE_FOLDERS } from './layout.ts'
import { type AstNode, lineAt, nameOf, type SourceFile, source, sources, walk } from './sources.ts'

/** Globals that differ between two runs or two machines, or that make something happen later. */
const FORBIDDEN_GLOBALS: ReadonlySet<string> = new Set([
  ...['Date', 'performance', 'process', 'Promise', 'Intl', 'fetch', 'crypto', 'globalThis', 'WeakRef'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'FinalizationRegistry'],
])
/** Methods that look at the locale or draw lots. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set([
  ...[
    'localeCompare',
    'toLocaleString',
    'toLocaleLowerCase',
    'toLocaleUpperCase',
    'toLocaleDateString',
    'toLocaleTimeString',
  ],
  ...['random', 'randomUUID', 'randomBytes', 'randomInt'],
])
/** Objects whose methods of those names are the forbidden ones; a `random` handed in by the caller is the right way. */
const RANDOM_OBJECTS: ReadonlySet<string> = new Set(['Math', 'crypto'])

function isPure(path: string): boolean {
  return PURE_FOLDERS.some((folder) => path.startsWith(folder)) && IMPURE_FILES[path] === undefined
}

/** What in this file depends on more than its inputs, one line each. */
function impurities(file: SourceFile): readonly string[] {
  const found: string[] = []
  const report = (node: AstNode, what: string) => found.push(`${file.path}:${lineAt(file, node.start)} uses ${what}`)
  walk(file.body, (node, parent) => {
    if (node.type.startsWith('TS') && !/^TS(As|NonNull|Satisfies)/.test(node.type)) return false
    if (node['async'] === true) report(node, 'async')
    if (node.type === 'AwaitExpression' || node['await'] === true) report(node, 'await')
    if (node.type === 'Identifier' && isGlobal(node, parent) && FORBIDDEN_GLOBALS.has(nameOf(node))) {
      report(node, nameOf(node))
    }
    if (node.type === 'MemberExpression' && FORBIDDEN_METHODS.has(nameOf(node['property']))) {
      const method = nameOf(node['property'])
      if (!method.startsWith('random') || RANDOM_OBJECTS.has(nameOf(node['object']))) report(node, method)
    }
    if (node.type === 'ImportSpecifier' && FORBIDDEN_METHODS.has(nameOf(node['imported']))) {
      report(node, nameOf(node['imported']))
    }
    return undefined
  })
  return found
}

/** Not the name of a property or of a key in a literal. */
function isGlobal(node: AstNode, parent: AstNode | undefined): boolean {
  if (parent === undefined || parent['computed'] === true) return true
  if (parent.type === 'MemberExpression') return parent['object'] === node
  return !(/^(Property|PropertyDefinition|MethodDefinition)$/.test(parent.type) && parent['key'] === node)
}

test('pure folders take time, chance and the world only from their callers', () => {
  const found = sources(...PURE_FOLDERS)
    .filter((file) => isPure(file.path))
    .flatMap(impurities)
  expect(found, 'take it as an argument or through a port; see architecture.md, section 2').toEqual([])
})

test('every file that is excused from purity exists and needs the excuse', () => {
  const needless = Object.keys(IMPURE_FILES).filter((path) => impurities(source(path)).length === 0)
  expect(needless, 'remove it from IMPURE_FILES').toEqual([])
})
