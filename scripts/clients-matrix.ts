/**
 * The matrix of real clients in COMPATIBILITY.md, made from what their tests leave behind.
 *
 * node scripts/clients-matrix.ts write           runs the tests, and puts there what passed
 * node scripts/clients-matrix.ts check FOLDER    says whether what stands there is what ran, and changes nothing. FOLDER is what
 *                                                `CLIENT_RESULTS` named while `npm run test:clients` ran
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Result } from '../tests/clients/results.ts'
import { renderClientsMatrix } from './clients-markdown.ts'

const ROOT = join(import.meta.dirname, '..')
const PAGE = join(ROOT, 'COMPATIBILITY.md')
const BEGIN = '<!-- clients: written by `npm run fix:clients` -->\n'
const END = '<!-- clients: end -->\n'

const [verb = '', folder] = process.argv.slice(2)
const page = readFileSync(PAGE, 'utf8')
const from = page.indexOf(BEGIN) + BEGIN.length
const stands = page.slice(from, page.indexOf(END))
const ran = renderClientsMatrix(folder === undefined ? runTests() : read(folder))

if (verb === 'write') {
  writeFileSync(
    PAGE,
    page.replace(BEGIN + stands, () => BEGIN + ran),
  )
} else if (stands !== ran) {
  process.stderr.write(
    'the matrix of clients in COMPATIBILITY.md is not what ran: look why, or run `npm run fix:clients`\n',
  )
  process.stderr.write(`stands there:\n${stands}\nran:\n${ran}`)
  process.exitCode = 1
}

function read(results: string): readonly Result[] {
  const files = readdirSync(results).filter((name) => name.endsWith('.json'))
  return files.map((name) => JSON.parse(readFileSync(join(results, name), 'utf8')) as Result)
}

function runTests(): readonly Result[] {
  const results = mkdtempSync(join(tmpdir(), 'muster-clients-'))
  try {
    const env = { ...process.env, CLIENT_RESULTS: results }
    spawnSync(join(ROOT, 'node_modules/.bin/vitest'), ['run', '--project', 'clients'], {
      cwd: ROOT,
      env,
      stdio: 'inherit',
    })
    return read(results)
  } finally {
    rmSync(results, { recursive: true, force: true })
  }
}
