/**
 * Our load generator, a process of its own: closed loops on undici, one connection each. Used where wrk is missing, and
 * wherever a number of operations is asked for instead of a time. Prints one line of JSON.
 */
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { Client } from 'undici'
import type { LoadResult, LoadSpec } from './load-spec.ts'
import { FORM_HEADERS, fillerOf, formOf, REQUEST_MS_MAX } from './requests.ts'
import { percentile } from './statistics.ts'

/** Keys of one directory where they are nested. */
const KEYS_PER_DIRECTORY = 1000

const spec = JSON.parse(process.argv[2] ?? '') as LoadSpec
const body = spec.method === 'PUT' ? formOf(fillerOf(spec.valueBytes)) : null
const { authorization } = spec
const headers = {
  ...(spec.method === 'PUT' ? FORM_HEADERS : {}),
  ...(authorization === undefined ? {} : { authorization }),
}
const latenciesMs: number[] = []
let started = 0
let errors = 0

const begin = performance.now()
const end = begin + spec.seconds * 1000
await Promise.all(Array.from({ length: spec.connections }, loop))
const seconds = (performance.now() - begin) / 1000
latenciesMs.sort((a, b) => a - b)
const result: LoadResult = {
  operations: latenciesMs.length,
  seconds,
  p50Ms: percentile(latenciesMs, 50),
  p99Ms: percentile(latenciesMs, 99),
  errors,
}
process.stdout.write(`${JSON.stringify(result)}\n`)

async function loop(): Promise<void> {
  const client = new Client(spec.url, { headersTimeout: REQUEST_MS_MAX, bodyTimeout: REQUEST_MS_MAX })
  while (mayStart()) {
    const sent = performance.now()
    try {
      const answer = await client.request({ method: spec.method, path: pathOf(started++), headers, body })
      await answer.body.dump()
      if (answer.statusCode >= 400) errors += 1
      latenciesMs.push(performance.now() - sent)
    } catch {
      errors += 1
    }
  }
  await client.close()
}

function mayStart(): boolean {
  return spec.operationsMax === undefined ? performance.now() < end : started < spec.operationsMax
}

function pathOf(at: number): string {
  const key = at % spec.keys
  const path = spec.layout === 'flat' ? `bench/${key}` : `bulk/${Math.floor(key / KEYS_PER_DIRECTORY)}/${key}`
  return `/v2/keys/${path}${spec.query}`
}
