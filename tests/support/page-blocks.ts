/**
 * Pages for users, taken by their word: blocks of commands, and what addresses in them become where a test runs them.
 *
 * Asserts nothing.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './child.ts'
import { freePort } from './free-port.ts'

/** A block of commands (`sh`), and what the page shows as their output right after (`json` or `output`); undefined when it shows nothing. */
export interface CommandBlock {
  readonly commands: string
  readonly shown: string | undefined
}

/** The blocks of a page that say that they can be run, in order. @param page Its path in this repository. */
export function commandBlocks(page: string): readonly CommandBlock[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const blocks = [...text.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```$/gm)].map(([, kind, body = '']) => ({ kind, body }))
  return blocks.flatMap(({ kind, body }, at) => {
    if (kind !== 'sh') return []
    const next = blocks[at + 1]
    return [
      { commands: body.trim(), shown: next?.kind === 'json' || next?.kind === 'output' ? next.body.trim() : undefined },
    ]
  })
}

/** Addresses of a page and free ones of this machine in their place, the same for the same. */
export class Places {
  readonly #ports = new Map<string, number>()

  /** Says which port an address of the page is, where that is known. */
  set(address: string, port: number): void {
    this.#ports.set(address, port)
  }

  /** Text of the page with its addresses replaced; those that are new get a free port. */
  async map(text: string): Promise<string> {
    const address = /\b(?:10\.0\.0\.\d+|127\.0\.0\.1):\d+\b/g
    for (const [found] of text.matchAll(address)) {
      if (!this.#ports.has(found)) this.#ports.set(found, await freePort())
    }
    return text.replaceAll(address, (found) => `127.0.0.1:${this.#ports.get(found)}`)
  }
}
