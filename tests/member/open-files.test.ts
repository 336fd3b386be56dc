/** Open files are shared out so that what a member needs is left, whatever clients do. */
import { describe, expect, test } from 'vitest'
import { OWN_FILES, openFilesMax, shareOpenFiles, tellShare, type Wanted } from '../../src/member/open-files.ts'

const wanted = (filesMax: number, more: Partial<Wanted> = {}): Wanted => ({
  ...{ filesMax, clientConnections: 20_000, metricsConnections: 64, peerConnections: 256, peerUrls: 2 },
  ...more,
})

describe('open files', () => {
  test.each([Number.POSITIVE_INFINITY, 1_048_576, 20_000 + 64 + 512 + OWN_FILES])(
    'that are ample (%d) change nothing',
    (filesMax) => {
      expect(shareOpenFiles(wanted(filesMax))).toMatchObject({
        ...{ clientConnections: 20_000, metricsConnections: 64, peerConnections: 256 },
      })
    },
  )

  test('that are not are never promised twice, and clients get the most of them', () => {
    for (let filesMax = 256; filesMax < 20_704; filesMax += 13) {
      for (const peerUrls of [1, 2, 3]) {
        const share = shareOpenFiles(wanted(filesMax, { peerUrls }))
        const sum = share.clientConnections + share.metricsConnections + share.peerConnections * peerUrls + OWN_FILES
        expect(sum).toBeLessThanOrEqual(filesMax)
        expect(share.clientConnections).toBeGreaterThanOrEqual(16)
      }
    }
    expect(shareOpenFiles(wanted(512))).toMatchObject({
      ...{ clientConnections: 272, metricsConnections: 16, peerConnections: 48 },
    })
  })

  test('that are too few are refused with both numbers', () => {
    expect(() => shareOpenFiles(wanted(150))).toThrow(
      expect.objectContaining({
        code: 'MUSTER_FEW_OPEN_FILES',
        message: expect.stringMatching(
          /may have 150 files open, and a member needs 192 at the least; raise "ulimit -n"/,
        ),
      }),
    )
    expect(shareOpenFiles(wanted(192)).clientConnections).toBe(16)
  })

  test('that leave clients much less are warned of, and nothing else is said', () => {
    const said = (filesMax: number): readonly string[] => {
      const levels: string[] = []
      const note = (level: string) => (): void => void levels.push(level)
      const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
      tellShare(shareOpenFiles(wanted(filesMax)), { maxConnections: 20_000 }, log)
      return levels
    }
    expect(said(1_048_576)).toEqual([])
    expect(said(20_000)).toEqual([])
    expect(said(4_096)).toEqual(['warn'])
    expect(said(1_024)).toEqual(['warn'])
  })

  test('are counted as the system counts them', () => {
    const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number } } }
    const soft = report.userLimits?.open_files?.soft
    expect(openFilesMax()).toBe(typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY)
  })
})
