/**
 * The file in which a proxy remembers where the members are: `proxy/cluster` in its data directory, as etcd writes it.
 *
 * Owns: its form, and writing it so that a crash leaves the old one or the new one. Its folder says that the data directory is
 * a proxy's. Source: API page, 12.4 and 14.
 */
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Longest file that is read. Bytes. */
const FILE_BYTES_MAX = 1024 * 1024

/** Where the file is in a data directory. */
export function clusterFile(dataDir: string): string {
  return join(dataDir, 'proxy', 'cluster')
}

/** Whether a proxy has kept its file, or the beginnings of it, in this data directory. */
export function isProxyDirectory(dataDir: string): boolean {
  return existsSync(join(dataDir, 'proxy'))
}

/** The peer URLs that were known last; undefined when there is no file, or none that can be read. */
export async function readClusterFile(dataDir: string): Promise<readonly string[] | undefined> {
  try {
    const text = await readFile(clusterFile(dataDir), 'utf8')
    if (text.length > FILE_BYTES_MAX) return undefined
    const urls = (JSON.parse(text) as { readonly PeerURLs?: unknown }).PeerURLs
    if (!Array.isArray(urls) || urls.length === 0) return undefined
    return urls.map(String).filter((url) => URL.canParse(url))
  } catch {
    // Missing, or cut short by a full disk: the options say where to begin, as on the first start.
    return undefined
  }
}

/** Remembers peer URLs. Rejects when the disk refuses. */
export async function writeClusterFile(dataDir: string, peerUrls: readonly string[]): Promise<void> {
  const path = clusterFile(dataDir)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(`${path}.bak`, 'w', 0o600)
  try {
    await file.writeFile(JSON.stringify({ PeerURLs: peerUrls }))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.bak`, path)
}
