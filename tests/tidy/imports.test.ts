/** Imports go the way that the architecture says. */
import { expect, test } from 'vitest'
import { IMPORT_EXCEPTIONS, IMPORT_ROWS, IMPURE_FILES, type ImportRow, LEVEL_FILES, RAFT_ORDER } from './layout.ts'
import { type ImportOf, listFiles, type SourceFile, source, sources } from './sources.ts'

/** Whether `path` is the file, or lies in the folder, that `place` names. */
function isIn(path: string, place: string): boolean {
  return path === place || (place.endsWith('/') && path.startsWith(place))
}

function rowOf(path: string): ImportRow | undefined {
  return IMPORT_ROWS.find((row) => isIn(path, row.folder))
}

/** Why an import breaks the row of its file; undefined when it does not. */
function breach(file: SourceFile, row: ImportRow, one: ImportOf): string | undefined {
  const { specifier, target, typeOnly } = one
  if (target !== undefined) {
    const places = [row.folder, ...row.values, ...(typeOnly ? row.types : [])]
    if (places.some((place) => isIn(target, place))) return undefined
    if (IMPORT_EXCEPTIONS.some(({ from, to }) => isIn(file.path, from) && target === to)) return undefined
    const asType = row.types.some((place) => isIn(target, place))
    return `${file.path} imports ${target}${asType ? ' as a value, and may only import its types' : ''}`
  }
  if (specifier.startsWith('node:')) {
    const free = row.node === 'any' || IMPURE_FILES[file.path] !== undefined
    return free || row.node.includes(specifier) ? undefined : `${file.path} imports ${specifier}`
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (name === 'level' && LEVEL_FILES.includes(file.path)) return undefined
  return row.packages.includes(name) ? undefined : `${file.path} imports the package ${name}`
}

test('every file in src/ and bin/ belongs to a row of the import table', () => {
  const strangers = [...listFiles('src'), ...listFiles('bin')].filter((path) => rowOf(path) === undefined)
  expect(strangers, 'add a row to tests/tidy/layout.ts, or move the file to the folder it belongs to').toEqual([])
})

test('imports follow the table of who may import whom', () => {
  const breaches = sources('src', 'bin').flatMap((file) => {
    const row = rowOf(file.path)
    if (row === undefined) return []
    return file.imports
      .map((one) => breach(file, row, one))
      .filter((reason) => reason !== undefined)
      .map((reason) => `${reason}. The row: ${row.says}`)
  })
  expect(breaches, 'invert the dependency with a port, or move the code to where it may be').toEqual([])
})

test('every exception of the import table is used', () => {
  const unused = IMPORT_EXCEPTIONS.filter(({ from, to }) => {
    return !sources('src', 'bin').some((file) => isIn(file.path, from) && file.imports.some((one) => one.target === to))
  })
  expect(unused.map(({ from, to }) => `${from} → ${to}`)).toEqual([])
})

test('inside raft/ each file imports only from columns to its left', () => {
  const columns = new Map(RAFT_ORDER.flatMap((names, column) => names.map((name) => [`src/raft/${name}`, column])))
  const breaches = sources('src/raft').flatMap((file) => {
    const column = columns.get(file.path)
    if (column === undefined) return [`${file.path} stands in no column of RAFT_ORDER`]
    return file.imports
      .filter(({ target }) => target !== undefined && (columns.get(target) ?? column) >= column)
      .map(({ target }) => `${file.path} imports ${target}, which is not to its left`)
  })
  expect(breaches, RAFT_ORDER.map((names) => names.join(' ')).join(' → ')).toEqual([])
})

test('nothing in src/ or bin/ imports tests, benchmarks or scripts', () => {
  const outside = sources('src', 'bin').flatMap((file) => {
    return file.imports
      .filter(({ target }) => target !== undefined && !/^(src|bin)\//.test(target))
      .map(() => file.path)
  })
  expect(outside).toEqual([])
})

test('no import leads to an index file or to a file that does not exist', () => {
  const wrong = sources('src', 'bin', 'tests', 'bench', 'scripts').flatMap((file) => {
    return file.imports
      .filter(({ target }) => target?.endsWith('.ts') && (target.endsWith('/index.ts') || !canRead(target)))
      .map(({ target }) => `${file.path} imports ${target}`)
  })
  expect(wrong, 'import the file that defines the thing').toEqual([])
})

function canRead(path: string): boolean {
  try {
    source(path)
    return true
  } catch {
    return false
  }
}
