/**
 * How large a folder is, for operators: not exact, and never waited for.
 *
 * Owns: asking the file system now and then, when somebody wants to know. Leaves to others: what is in the folder.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A size is told for so long before the folder is looked at again. Milliseconds. */
const FRESH_MS = 5_000

export class FolderSize {
  readonly #path: string
  #bytes: number | undefined
  #lookedAtMs = Number.NEGATIVE_INFINITY

  constructor(path: string) {
    this.#path = path
    this.#look()
  }

  /** Of all files, when it was last looked at; undefined: that has not been. Looks again where that is long ago. */
  get bytes(): number | undefined {
    if (performance.now() - this.#lookedAtMs >= FRESH_MS) this.#look()
    return this.#bytes
  }

  #look(): void {
    this.#lookedAtMs = performance.now()
    sizeOf(this.#path).then(
      (bytes) => {
        this.#bytes = bytes
      },
      // Not being able to tell a size is nobody's failure.
      () => undefined,
    )
  }
}

async function sizeOf(path: string): Promise<number> {
  const files = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  // A file that is compacted away between the two looks counts nothing.
  const sizes = files.map(
    async ({ parentPath, name }) => (await stat(join(parentPath, name)).catch(() => undefined))?.size,
  )
  return (await Promise.all(sizes)).reduce((sum: number, size) => sum + (size ?? 0), 0)
}
