/**
 * A text becomes a file, all at once or not at all.
 *
 * Owns: the file beside the file, mode and owner, comparing, replacing, the backup. Leaves to others: the text, who is told.
 */
import { randomBytes } from 'node:crypto'
import { copyFile, type FileHandle, open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import { RenderError, reasonOf } from './errors.ts'

const MODE_DEFAULT = 0o644
const MODE_BITS = 0o7777

export interface FileRule {
  readonly dest: string
  readonly mode: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly backup: boolean
}

/** A file that is ready to take the place of another. Call `replace` or `discard`. */
export interface StagedFile {
  readonly path: string
  /** The file in place has the same bytes, mode and owner. */
  readonly same: boolean
  /** Puts it in place. @throws RenderError */
  replace(): Promise<void>
  /** Removes it. */
  discard(): Promise<void>
}

interface Present {
  readonly bytes: Buffer | undefined
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Writes the text beside its place and to the disk. @throws RenderError */
export async function stageFile(rule: FileRule, text: string): Promise<StagedFile> {
  const suffix = randomBytes(6).toString('hex')
  try {
    return await stage(rule, text, suffix)
  } catch (error) {
    // Without what is another each time, so that the same trouble reads the same.
    const reason = reasonOf(error).replaceAll(`.${suffix}`, '')
    throw new RenderError('MUSTER_RENDER_WRITE', `cannot write ${rule.dest}: ${reason}`, error)
  }
}

async function stage(rule: FileRule, text: string, suffix: string): Promise<StagedFile> {
  const dest = await placeOf(rule.dest)
  const present = await look(dest)
  const bytes = Buffer.from(text)
  const mode = rule.mode ?? present?.mode ?? MODE_DEFAULT
  const uid = rule.uid ?? present?.uid ?? process.geteuid?.() ?? 0
  const gid = rule.gid ?? present?.gid ?? process.getegid?.() ?? 0
  const path = join(dirname(dest), `.${basename(dest)}.${suffix}`)
  const same =
    present?.bytes?.equals(bytes) === true && present.mode === mode && present.uid === uid && present.gid === gid
  const discard = (): Promise<void> => rm(path, { force: true })
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await own(file, uid, gid, rule.uid !== undefined || rule.gid !== undefined)
    await file.chmod(mode)
    await file.sync()
  } catch (error) {
    await discard()
    throw error
  } finally {
    await file.close()
  }
  const replace = async (): Promise<void> => {
    try {
      if (rule.backup && present !== undefined) await copyFile(dest, `${dest}.bak`)
      await swap(path, dest, bytes)
    } catch (error) {
      throw new RenderError('MUSTER_RENDER_WRITE', `cannot replace ${rule.dest}: ${reasonOf(error)}`, error)
    }
  }
  return { path, same, replace, discard }
}

/** A link stays, and what it leads to is replaced. */
async function placeOf(dest: string): Promise<string> {
  try {
    return await realpath(dest)
  } catch (error) {
    if (isMissing(error)) return dest
    throw error
  }
}

async function look(dest: string): Promise<Present | undefined> {
  try {
    const { mode, uid, gid } = await stat(dest)
    return { bytes: await readFile(dest), mode: mode & MODE_BITS, uid, gid }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** @param asked The owner stands in the resource: then it has to be had. */
async function own(file: FileHandle, uid: number, gid: number, asked: boolean): Promise<void> {
  const now = await file.stat()
  if (now.uid === uid && now.gid === gid) return
  try {
    await file.chown(uid, gid)
  } catch (error) {
    if (asked || !(error instanceof Error && 'code' in error && error.code === 'EPERM')) throw error
  }
}

async function swap(path: string, dest: string, bytes: Buffer): Promise<void> {
  try {
    await rename(path, dest)
  } catch (error) {
    // A file that is mounted by itself, as containers do, cannot be replaced, only overwritten.
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error
    await writeFile(dest, bytes, { flush: true })
    return
  }
  const folder = await open(dirname(dest), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
