/** The way of a file to its place: links, mounts, disks that refuse, and who hears of it. */
import { spawnSync } from 'node:child_process'
import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { stageFile } from '../../src/render/stage.ts'
import { NODE, ROOT } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { startRenderRig } from '../support/render-rig.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

/** Files and folders that cannot be written to the disk; places that nothing can be renamed to. */
const { broken, mounted } = vi.hoisted(() => ({ broken: new Set<string>(), mounted: new Set<string>() }))

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  return {
    ...real,
    open: async (path: string, ...rest: never[]) => {
      // As for users other than root, as whom this may run.
      const isForbidden = (rest[0] as unknown) === 'r+' && ((await real.stat(path)).mode & 0o200) === 0
      if (isForbidden) throw Object.assign(new Error('denied'), { code: 'EACCES' })
      const file = await real.open(path, ...rest)
      if (broken.has(path)) file.sync = () => Promise.reject(new Error('EIO: i/o error'))
      return file
    },
    rename: (from: string, to: string) =>
      mounted.has(to) ? Promise.reject(Object.assign(new Error('busy'), { code: 'EBUSY' })) : real.rename(from, to),
  }
})

const hasNamespaces = spawnSync('unshare', ['-rnm', 'true']).status === 0
const rule = (dest: string) => ({ dest, mode: undefined, uid: undefined, gid: undefined, backup: false })

describe('a staged file', () => {
  test('replaces what a link leads to, and the link stays', async () => {
    const folder = await scratchDir()
    await mkdir(join(folder, 'real'))
    await writeFile(join(folder, 'real/file'), 'before')
    await symlink(join(folder, 'real/file'), join(folder, 'link'))
    const staged = await stageFile(rule(join(folder, 'link')), 'after')
    expect(staged.path).toContain('/real/.file.')
    await staged.replace()
    expect(await readFile(join(folder, 'real/file'), 'utf8')).toBe('after')
    expect((await lstat(join(folder, 'link'))).isSymbolicLink()).toBe(true)
  })

  test('makes what links lead to that is not there yet, and the links stay', async () => {
    const folder = await scratchDir()
    await mkdir(join(folder, 'real'))
    await symlink('second', join(folder, 'link'))
    await symlink('real/file', join(folder, 'second'))
    const staged = await stageFile(rule(join(folder, 'link')), 'new')
    await staged.replace()
    expect(await readFile(join(folder, 'real/file'), 'utf8')).toBe('new')
    expect([await readlink(join(folder, 'link')), await readlink(join(folder, 'second'))]).toEqual([
      'second',
      'real/file',
    ])
    await symlink('round', join(folder, 'round'))
    await expect(stageFile(rule(join(folder, 'round')), 'x')).rejects.toMatchObject({ code: 'MUSTER_RENDER_WRITE' })
  })

  test('leaves the file before beside the link that the resource names, not beside what that leads to', async () => {
    const folder = await scratchDir()
    await mkdir(join(folder, 'real'))
    await writeFile(join(folder, 'real/file'), 'before')
    await symlink('real/file', join(folder, 'link'))
    const staged = await stageFile({ ...rule(join(folder, 'link')), backup: true }, 'after')
    await staged.replace()
    expect(await readFile(join(folder, 'link.bak'), 'utf8')).toBe('before')
    expect((await lstat(join(folder, 'link.bak'))).isFile()).toBe(true)
    expect([await readFile(join(folder, 'link'), 'utf8'), await readdir(join(folder, 'real'))]).toEqual([
      'after',
      ['file'],
    ])
  })

  test('is the same only with the same bytes and mode', async () => {
    const dest = join(await scratchDir(), 'file')
    await writeFile(dest, 'x')
    await chmod(dest, 0o600)
    const sameAs = async (text: string, mode: number | undefined): Promise<boolean> => {
      const staged = await stageFile({ ...rule(dest), mode }, text)
      await staged.discard()
      return staged.same
    }
    expect([await sameAs('x', undefined), await sameAs('x', 0o640), await sameAs('y', undefined)]).toEqual([
      true,
      false,
      false,
    ])
  })

  test('that is mounted by itself with a mode that forbids writing is written all the same', async () => {
    const dest = join(await scratchDir(), 'file')
    await writeFile(dest, 'before')
    mounted.add(dest)
    for (const text of ['first', 'second']) {
      const staged = await stageFile({ ...rule(dest), mode: 0o440 }, text)
      await staged.replace()
      expect([await readFile(dest, 'utf8'), (await stat(dest)).mode & 0o777]).toEqual([text, 0o440])
      await staged.discard()
    }
  })

  test('that cannot be written says so, and leaves nothing', async () => {
    const folder = await scratchDir()
    await expect(stageFile(rule(join(folder, 'none/file')), 'x')).rejects.toMatchObject({ code: 'MUSTER_RENDER_WRITE' })
    await mkdir(join(folder, 'dir'))
    await expect(stageFile(rule(join(folder, 'dir')), 'x')).rejects.toMatchObject({ code: 'MUSTER_RENDER_WRITE' })
    expect(await readdir(folder)).toEqual(['dir'])
  })
})

test.each(['renamed', 'overwritten'])(
  'a file that is %s and cannot be written to the disk is told of, and its readers hear of it',
  async (how) => {
    const rig = await startRenderRig()
    await rig.client.set('/s/a', '1')
    await rig.template('web', '{{getv "/s/a"}}', `keys = ["/s"]\nreload_cmd = "echo x >>${rig.path('reloads')}"`)
    await writeFile(rig.path('web'), 'a longer text')
    if (how === 'overwritten') mounted.add(rig.path('web'))
    broken.add(how === 'overwritten' ? rig.path('web') : rig.folder)
    expect(await rig.agent.once(rig.over.signal)).toBe(true)
    expect([await rig.read('web'), await rig.read('reloads')]).toEqual(['1', 'x\n'])
    expect(rig.log.lines).toContain('warn the file is in place, but may not outlast a loss of power: EIO: i/o error')
  },
)

test.skipIf(!hasNamespaces)(
  'a file that is mounted by itself gets its mode and is written once (skipped where unshare -rnm may not be had)',
  async () => {
    const folder = await scratchDir()
    for (const name of ['file', 'mounted']) await writeFile(join(folder, name), 'before')
    await chmod(join(folder, 'file'), 0o644)
    const script = `
      import { stageFile } from '${ROOT}/src/render/stage.ts'
      import { statSync } from 'node:fs'
      const dest = '${join(folder, 'mounted')}'
      const rule = { dest, mode: 0o640, uid: undefined, gid: undefined, backup: false }
      for (const text of ['after', 'after', 'x']) {
        const staged = await stageFile(rule, text)
        if (!staged.same) await staged.replace()
        await staged.discard()
        console.log(text, staged.same, (statSync(dest).mode & 0o7777).toString(8))
      }`
    await writeFile(join(folder, 'script.ts'), script)
    const command = `mount --bind "${folder}/file" "${folder}/mounted" && exec "${NODE}" "${folder}/script.ts"`
    const child = startChild('unshare', ['-rnm', 'sh', '-c', command])
    expect(await child.exited, child.stderr).toEqual({ code: 0, signal: null })
    expect(child.stdout).toBe('after false 640\nafter true 640\nx false 640\n')
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('x')
    expect((await stat(join(folder, 'file'))).mode & 0o777).toBe(0o640)
    await eventually('nothing beside it', async () => (await readdir(folder)).length === 3)
  },
)
