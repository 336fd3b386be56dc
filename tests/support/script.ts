/**
 * Runs data-driven scripts: files of commands with their expected output, which can be rewritten.
 *
 * Owns: the file format and the rewriting. Leaves to others: what the commands mean, and the comparison, which the test
 * that calls this makes.
 *
 * A file is a list of blocks. Lines before a block that begin with `#` are comments. A block is one or more command lines,
 * `----`, and the output up to the next blank line; output that itself holds blank lines stands between two doubled `----`:
 *
 *     # What the story is about.
 *     campaign 1
 *     settle
 *     ----
 *     1 leads
 */
import { readFile, writeFile } from 'node:fs/promises'

const FENCE = '----'

/** One step of a story. */
export interface ScriptBlock {
  /** Comments and blank lines before the commands, kept as they are. */
  readonly leading: readonly string[]
  readonly commands: readonly string[]
  /** Without a final newline; empty when nothing is expected. */
  readonly output: string
  /** Of the first command, counted from 1. */
  readonly line: number
}

/** Takes a file apart. Throws an Error with the line number where the format is broken. */
export function parseScript(text: string): { blocks: ScriptBlock[]; trailing: string[] } {
  const lines = text.replace(/\n$/, '').split('\n')
  const blocks: ScriptBlock[] = []
  let at = 0
  while (true) {
    const leading: string[] = []
    while (at < lines.length && isLeading(lines[at] as string)) leading.push(lines[at++] as string)
    if (at >= lines.length) return { blocks, trailing: leading }
    const line = at + 1
    const commands: string[] = []
    while (at < lines.length && lines[at] !== FENCE) {
      if (lines[at] === '') throw new Error(`line ${at + 1}: want "${FENCE}" before a blank line`)
      commands.push(lines[at++] as string)
    }
    if (at >= lines.length) throw new Error(`line ${line}: want "${FENCE}" after the commands`)
    at++
    const output: string[] = []
    if (lines[at] === FENCE) {
      at++
      while (!(lines[at] === FENCE && lines[at + 1] === FENCE)) {
        if (at >= lines.length) throw new Error(`line ${line}: want a doubled "${FENCE}" after the output`)
        output.push(lines[at++] as string)
      }
      at += 2
    } else {
      while (at < lines.length && lines[at] !== '') output.push(lines[at++] as string)
    }
    blocks.push({ leading, commands, output: output.join('\n'), line })
  }
}

/** The text of a file with these blocks. */
export function renderScript(blocks: readonly ScriptBlock[], trailing: readonly string[]): string {
  const lines: string[] = []
  for (const block of blocks) {
    lines.push(...block.leading, ...block.commands, FENCE)
    if (block.output === '') continue
    if (block.output.split('\n').includes('')) lines.push(FENCE, block.output, FENCE, FENCE)
    else lines.push(block.output)
  }
  return `${[...lines, ...trailing].join('\n')}\n`
}

/**
 * Runs the script at `path`, block by block, and returns the whole file as it is and as it would be with the actual
 * outputs; the test compares the two. With `UPDATE_SCRIPTS=1` in the environment the file is rewritten first, for a human
 * to read the diff. `run` gets the command lines of one block and returns the output; what it throws becomes the output
 * `error: …`.
 */
export async function runScript(
  path: string,
  run: (commands: readonly string[]) => string | Promise<string>,
): Promise<{ expected: string; actual: string }> {
  const text = await readFile(path, 'utf8')
  const { blocks, trailing } = parseScript(text)
  const actualBlocks: ScriptBlock[] = []
  for (const block of blocks) actualBlocks.push({ ...block, output: await outputOf(block, run) })
  const actual = renderScript(actualBlocks, trailing)
  if (process.env['UPDATE_SCRIPTS'] !== '1') return { expected: text, actual }
  await writeFile(path, actual)
  return { expected: actual, actual }
}

async function outputOf(
  block: ScriptBlock,
  run: (commands: readonly string[]) => string | Promise<string>,
): Promise<string> {
  try {
    return (await run(block.commands)).replace(/\n+$/, '')
  } catch (error) {
    return `error: ${error instanceof Error ? error.message : String(error)}`
  }
}

function isLeading(line: string): boolean {
  return line === '' || line.startsWith('#')
}
