#!/usr/bin/env node
/**
 * The tool's command: its words, and which file knows what to do for each.
 *
 * Owns: the check of Node.js's version, help, and status 2 for words that it does not know. Leaves to others: the commands
 * (`muster/`).
 */
import process from 'node:process'

const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(`muster: needs Node.js 24 or newer, this is ${process.versions.node}\n`)
  process.exit(1)
}

const { Command } = await import('commander')
const { packageVersion } = await import('../src/config/version.ts')
const { addExport } = await import('./muster/export.ts')
const { addHealthcheck } = await import('./muster/healthcheck.ts')
const { addImport } = await import('./muster/import.ts')

const program = new Command('muster')
  .description('The tool beside musterd.')
  .showHelpAfterError('(muster COMMAND --help says more)')
  .version(`muster ${packageVersion()}`, '--version', 'print the version')
  .exitOverride((reason) => process.exit(reason.exitCode === 0 ? 0 : 2))

addHealthcheck(program)
addImport(program)
addExport(program)

await program.parseAsync()
