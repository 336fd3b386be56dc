/**
 * The real curl, as a user types it.
 *
 * Owns: running it and taking the answer apart.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface CurlAnswer {
  readonly status: number
  /** By name as it came over the wire, without the status line. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Seconds after which curl gives up. */
const SECONDS_MAX = 20

/** Runs curl with these words and gives back what it printed: the body alone. */
export async function curl(...words: readonly string[]): Promise<string> {
  const { stdout } = await run('curl', ['-sS', '--max-time', String(SECONDS_MAX), ...words])
  return stdout
}

/** The same with `-i`: status line and headers too, of the last answer where curl followed a redirect. */
export async function curlWithHeaders(...words: readonly string[]): Promise<CurlAnswer> {
  const text = await curl('-i', ...words)
  const parts = text.split('\r\n\r\n')
  const body = parts.pop() ?? ''
  const [statusLine = '', ...lines] = (parts.at(-1) ?? '').split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  return { status: Number(statusLine.split(' ')[1]), headers, body }
}
