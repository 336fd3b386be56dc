/**
 * Runs the stories in `scripts/`: `UPDATE_SCRIPTS=1` rewrites their outputs, for a human to read the diff.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { runScript } from '../support/script.ts'
import { Cluster } from './cluster.ts'

const folder = fileURLToPath(new URL('scripts/', import.meta.url))

describe('the stories in scripts/ go as they are written', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    test(file, async () => {
      const cluster = new Cluster()
      const { expected, actual } = await runScript(folder + file, (commands) => cluster.run(commands))
      expect(actual).toBe(expected)
    })
  }
})
