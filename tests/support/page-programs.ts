/**
 * The programs of a page: its `ts` blocks as files that can be compiled and run.
 *
 * Owns: taking them out of the page, and pointing their imports and addresses to where a test has them. Asserts nothing.
 */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './child.ts'

/** Where the package's entries are in the sources. */
const ENTRIES: Readonly<Record<string, string>> = {
  musterd: join(ROOT, 'src/entry/server.ts'),
  'musterd/client': join(ROOT, 'src/entry/client.ts'),
}

/**
 * Writes each block of the page into a file of its own.
 *
 * @param addresses What takes the place of `HOST:PORT` in the page.
 * @returns the files, in the order of the page.
 */
export async function writePrograms(
  page: string,
  folder: string,
  addresses: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const files: string[] = []
  for (const [, block = ''] of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
    let program = block.replace(/ from '(musterd[^']*)'/g, (_, name: string) => ` from '${ENTRIES[name] ?? name}'`)
    for (const [address, other] of addresses) program = program.replaceAll(address, other)
    const file = join(folder, `program-${files.length + 1}.ts`)
    await writeFile(file, program)
    files.push(file)
  }
  return files
}
