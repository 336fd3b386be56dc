/**
 * A text becomes a file, all at once or not at all.
 *
 * Owns: the file beside the file, mode and owner, comparing, replacing, the backup. Leaves to others: the text, who is told.
 */
import { randomBytes } from 'node:crypto'
import {
  chmod,
  copyFile,
  type FileHandle,
  open,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { RenderError, reasonOf } from './errors.ts'

const MODE_DEFAULT = 0o644
const MODE_BITS = 0o7777
/** Of a file that its owner may write to, and nobody else may touch. */
const MODE_PRIVATE = 0o600

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
  /**
   * Puts it in place. @returns why it may not outlast a loss of power, though it is in place; undefined: it will.
   * @throws RenderError: it is not in place.
   */
  replace(): Promise<string | undefined>
  /** Removes it. */
  discard(): Promise<void>
}

interface Present {
  readonly bytes: Buffer | undefined
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

interface Owner {
  readonly uid: number
  readonly gid: number
  /** It stands in the resource: then it has to be had. */
  readonly asked: boolean
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
  const owner: Owner = { uid, gid, asked: rule.uid !== undefined || rule.gid !== undefined }
  const path = join(dirname(dest), `.${basename(dest)}.${suffix}`)
  const same =
    present?.bytes?.equals(bytes) === true && present.mode === mode && present.uid === uid && present.gid === gid
  const discard = (): Promise<void> => rm(path, { force: true })
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await own(file, owner)
    await file.chmod(mode)
    await file.sync()
  } catch (error) {
    await discard()
    throw error
  } finally {
    await file.close()
  }
  const replace = async (): Promise<string | undefined> => {
    try {
      // Under the name that the resource gives it: whoever looks for it knows of no other.
      if (rule.backup && present !== undefined) await copyFile(dest, `${rule.dest}.bak`)
      if (await renamed(path, dest)) return await reasonAgainst(() => syncFolder(dirname(dest)))
      return await overwrite(dest, present?.bytes?.equals(bytes) === true ? undefined : bytes, mode, owner)
    } catch (error) {
      throw new RenderError('MUSTER_RENDER_WRITE', `cannot replace ${rule.dest}: ${reasonOf(error)}`, error)
    }
  }
  return { path, same, replace, discard }
}

/** A link stays, and what it leads to is replaced, or made when it is not there. */
async function placeOf(dest: string): Promise<string> {
  try {
    return await realpath(dest)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  let target: string
  try {
    target = await readlink(dest)
  } catch (error) {
    // Nothing is there, or no link any more.
    if (isMissing(error) || hasCode(error, 'EINVAL')) return dest
    throw error
  }
  // Links that lead to each other were an error above.
  return placeOf(resolve(await realpath(dirname(dest)), target))
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

async function own(file: FileHandle, { uid, gid, asked }: Owner): Promise<void> {
  const now = await file.stat()
  if (now.uid === uid && now.gid === gid) return
  try {
    await file.chown(uid, gid)
  } catch (error) {
    if (asked || !hasCode(error, 'EPERM')) throw error
  }
}

/** False: the place is mounted by itself, as containers do with files, and nothing can be renamed to it. */
async function renamed(path: string, dest: string): Promise<boolean> {
  try {
    await rename(path, dest)
    return true
  } catch (error) {
    if (hasCode(error, 'EBUSY')) return false
    throw error
  }
}

/**
 * Mode and owner come first: where they cannot be had, the file stays as it is, as it does where it would be renamed.
 *
 * @param bytes Undefined: as they are. @returns as `replace`.
 */
async function overwrite(
  dest: string,
  bytes: Buffer | undefined,
  mode: number,
  owner: Owner,
): Promise<string | undefined> {
  const file = await openToWrite(dest, mode)
  try {
    await own(file, owner)
    if (((await file.stat()).mode & MODE_BITS) !== mode) await file.chmod(mode)
    if (bytes !== undefined) {
      await file.truncate()
      await file.writeFile(bytes)
    }
    return await reasonAgainst(() => file.sync())
  } finally {
    await file.close()
  }
}

/** Also a file of ours that we may not write to by its mode, which is then `mode`. */
async function openToWrite(dest: string, mode: number): Promise<FileHandle> {
  try {
    return await open(dest, 'r+')
  } catch (error) {
    if (!hasCode(error, 'EACCES')) throw error
  }
  await chmod(dest, MODE_PRIVATE)
  const file = await open(dest, 'r+')
  await file.chmod(mode)
  return file
}

/** Some folders may not be opened for it, and some file systems refuse. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Why something could not be done; undefined: it was. */
async function reasonAgainst(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT')
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
