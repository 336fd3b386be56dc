/**
 * The source files as the tidiness tests see them: text, syntax tree, imports and exports.
 *
 * Owns: reading and walking. Leaves to others: every rule. The parser is the one that vitest brings along.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseAst } from 'vitest/node'

export const ROOT = join(import.meta.dirname, '..', '..')

/** A node of the syntax tree (ESTree with TypeScript's additions). */
export interface AstNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** One import, re-export or dynamic import. */
export interface ImportOf {
  /** As written: `./log.ts`, `node:assert`, `fastify`. */
  readonly specifier: string
  /** For files of ours: the path from the root. Undefined for Node.js and packages. */
  readonly target: string | undefined
  /** Vanishes when types are stripped. */
  readonly typeOnly: boolean
  /** Imported names; `*` for all of them. */
  readonly names: readonly string[]
}

export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string
  readonly text: string
  readonly body: readonly AstNode[]
  readonly imports: readonly ImportOf[]
}

const cache = new Map<string, SourceFile>()

/** Paths of the TypeScript files below a folder of the root, sorted; none when there is no such folder. */
export function listFiles(folder: string, suffix = '.ts'): readonly string[] {
  if (!existsSync(join(ROOT, folder))) return []
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => posix.join(posix.normalize(entry.parentPath.slice(ROOT.length + 1)), entry.name))
    .sort()
}

/** Every file of the given folders, parsed once per test run. */
export function sources(...folders: readonly string[]): readonly SourceFile[] {
  return folders.flatMap((folder) => listFiles(folder)).map(source)
}

export function source(path: string): SourceFile {
  const known = cache.get(path)
  if (known !== undefined) return known
  const text = readFileSync(join(ROOT, path), 'utf8')
  const body = (parseAst(text, { lang: 'ts', sourceType: 'module' }) as unknown as { body: AstNode[] }).body
  const file: SourceFile = { path, text, body, imports: importsOf(path, body) }
  cache.set(path, file)
  return file
}

/** Calls `visit` for each node below `node`, parents first; `visit` returns false to skip what is below. */
export function walk(node: unknown, visit: (node: AstNode, parent: AstNode | undefined) => boolean | undefined): void {
  walkBelow(node, undefined, visit)
}

function walkBelow(
  value: unknown,
  parent: AstNode | undefined,
  visit: (node: AstNode, parent: AstNode | undefined) => boolean | undefined,
): void {
  if (Array.isArray(value)) {
    for (const item of value) walkBelow(item, parent, visit)
    return
  }
  if (!isNode(value) || visit(value, parent) === false) return
  for (const field of Object.values(value)) if (typeof field === 'object') walkBelow(field, value, visit)
}

/** Names of a file's value exports; types and re-exports are left out. */
export function valueExports(file: SourceFile): readonly string[] {
  return file.body.flatMap((statement) => {
    if (statement.type !== 'ExportNamedDeclaration' || statement['exportKind'] === 'type') return []
    const declaration = statement['declaration']
    if (!isNode(declaration)) return []
    const declared = declaration.type === 'VariableDeclaration' ? declaration['declarations'] : [declaration]
    return (declared as AstNode[]).map((one) => nameOf(one['id'])).filter((name) => name !== '')
  })
}

/** Line of a position, from 1. */
export function lineAt(file: SourceFile, position: number): number {
  return file.text.slice(0, position).split('\n').length
}

export function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

/** The name of an identifier, the text of a string literal, or nothing. */
export function nameOf(node: unknown): string {
  if (!isNode(node)) return ''
  if (node.type === 'Identifier') return String(node['name'])
  return node.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : ''
}

function importsOf(path: string, body: readonly AstNode[]): readonly ImportOf[] {
  const imports: ImportOf[] = []
  walk(body, (node) => {
    const specifier = nameOf(node['source'])
    if (specifier === '') return undefined
    const target = specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), specifier)) : undefined
    if (node.type === 'ImportDeclaration' || node.type === 'ExportNamedDeclaration') {
      const specifiers = node['specifiers'] as readonly AstNode[]
      const kinds = specifiers.map((one) => one['importKind'] ?? one['exportKind'])
      const typeOnly =
        node['importKind'] === 'type' ||
        node['exportKind'] === 'type' ||
        (kinds.length > 0 && kinds.every((kind) => kind === 'type'))
      const names = specifiers.map((one) => nameOf(one['imported'] ?? one['local']) || '*')
      imports.push({ specifier, target, typeOnly, names })
    } else if (node.type === 'ExportAllDeclaration' || node.type === 'ImportExpression') {
      imports.push({ specifier, target, typeOnly: node['exportKind'] === 'type', names: ['*'] })
    } else if (node.type === 'TSImportType') {
      imports.push({ specifier, target, typeOnly: true, names: ['*'] })
    }
    return undefined
  })
  return imports
}
