/**
 * Requests and full replies, as bytes: `transcripts/*.txt`. `UPDATE_SCRIPTS=1` rewrites the replies, for a human to read the
 * diff. Dates are masked; every line of a head is checked to end in CR LF, and shown without.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange } from '../support/raw-http.ts'
import { runScript } from '../support/script.ts'

const folder = fileURLToPath(new URL('transcripts/', import.meta.url))

describe('each transcript is answered as it is written', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    // Those of auth hash passwords, which is dear on purpose and takes long on a busy machine.
    test(file, { timeout: 60_000 }, async () => {
      const http = await startHttp(
        file.startsWith('cors') ? { cors: ['http://a.example:80', 'http://b.example:80'] } : {},
      )
      try {
        const { expected, actual } = await runScript(folder + file, (commands) => run(http, commands))
        expect(actual).toBe(expected)
      } finally {
        await http.close()
      }
    })
  }
})

/**
 * The first line is a request line without version, or `raw BYTES` with JSON escapes, or an order to the member; the lines
 * after a request line are headers, the last may be `body: TEXT`.
 */
async function run({ member, port }: HttpMember, commands: readonly string[]): Promise<string> {
  const [first = '', ...rest] = commands
  const [word = '', argument = ''] = first.split(' ', 2)
  switch (word) {
    case 'elapse':
      member.elapsedMs += Number(argument)
      member.expire()
      return ''
    case 'refuse':
      member.refusal = argument as NonNullable<typeof member.refusal>
      return ''
    case 'follow':
      member.leads = false
      return ''
    case 'leaderless':
      member.knowsLeader = false
      return ''
    case 'raw':
      return show(await exchange(port, JSON.parse(`"${first.slice(4)}"`) as string))
    default: {
      const body = rest.find((line) => line.startsWith('body: '))?.slice(6)
      const headers = rest.filter((line) => !line.startsWith('body: '))
      return show(await exchange(port, requestText(word, argument, body, headers)))
    }
  }
}

function show(raw: string): string {
  const end = raw.indexOf('\r\n\r\n')
  const head = raw.slice(0, end).replace(/\r\nDate: [^\r\n]*/, '\r\nDate: *')
  expect(head.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  const body = Buffer.from(raw.slice(end + 4), 'latin1').toString()
  return `${head.replaceAll('\r\n', '\n')}\n\n${body.replaceAll('\r\n', '\n')}`.trimEnd()
}
