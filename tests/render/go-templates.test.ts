/**
 * Templates print what Go prints: `go-templates.json` holds what Go 1.19 made of them, with confd's functions. It was recorded
 * once; Go is not needed here.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseConfdTemplate, renderText } from '../../src/render/render-text.ts'

interface Recorded {
  readonly name: string
  readonly template: string
  /** What Go printed; missing: it refused. */
  readonly output?: string
  /** Why it refused. */
  readonly error?: string
}

const { keys, cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'go-templates.json'), 'utf8')) as {
  readonly keys: Readonly<Record<string, string>>
  readonly cases: readonly Recorded[]
}
const KEYS = new Map(Object.entries(keys))
/** The clock of the recording. Its zone was UTC. */
const NOW_MS = Date.UTC(2026, 0, 5, 15, 4, 9, 120)

function render(template: string): Promise<string> {
  return renderText(parseConfdTemplate('t.tmpl', template), KEYS, {
    env: { APP: 'shop' },
    nowMs: () => NOW_MS,
    resolver: { addresses: () => Promise.reject(new Error('none')), services: () => Promise.reject(new Error('none')) },
    missingIsEmpty: false,
    utc: true,
  })
}

test.each(cases.filter(({ error }) => error === undefined))('$name', async ({ template, output }) => {
  expect(await render(template)).toBe(output)
})

test.each(cases.filter(({ error }) => error !== undefined))(
  '$name is refused, in the same line',
  async ({ template, error = '' }) => {
    const line = /^template: t\.tmpl:(\d+)/.exec(error)?.[1]
    await expect((async () => render(template))()).rejects.toMatchObject({
      code: expect.stringMatching(/^MUSTER_TEMPLATE_(SYNTAX|FAILED)$/),
      line: Number(line),
    })
  },
)
