/**
 * Writes `docs/options.md` from the table of options. `npm run fix` runs it; a tidiness test fails when the page is stale.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderOptionsPage } from './options-markdown.ts'

writeFileSync(join(import.meta.dirname, '..', 'docs', 'options.md'), renderOptionsPage())
