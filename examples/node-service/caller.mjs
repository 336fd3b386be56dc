/**
 * A program that calls whichever greeters there are, in turn.
 *
 * The list is replaced whenever it changes. While the store is away the last one stands.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { MusterClient } from 'musterd/client'

const client = new MusterClient({ endpoints: [process.env.MUSTER_ENDPOINTS ?? 'http://127.0.0.1:2379'] })
const over = new AbortController()
process.once('SIGTERM', () => over.abort())

let greeters = []
async function followGreeters() {
  for await (const { instances, stale } of client.discover('greeter', { signal: over.signal })) {
    greeters = instances
    console.log(`${instances.length} greeters${stale ? ', as far as is known' : ''}`)
  }
}

async function callGreeters() {
  for (let turn = 0; !over.signal.aborted; turn += 1) {
    const greeter = greeters[turn % greeters.length]
    if (greeter !== undefined) await call(greeter)
    await wait(200)
  }
}

async function call({ host, port }) {
  try {
    const answer = await fetch(`http://${host}:${port}/`, { signal: AbortSignal.timeout(2000) })
    console.log((await answer.text()).trim())
  } catch (error) {
    console.log(`no answer: ${error.cause?.code ?? error.message}`)
  }
}

await Promise.all([followGreeters(), callGreeters()])
await client.close()
