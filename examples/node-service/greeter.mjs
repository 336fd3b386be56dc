/**
 * A service that announces itself for as long as it runs.
 *
 * It takes any free port, since nobody has to know it beforehand. When it is told to end it is first out of the store, answers for a
 * moment those who have not heard of that yet, then ends what is under way.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { MusterClient } from 'musterd/client'

const server = createServer((_request, response) => response.end(`greetings from ${process.pid}\n`))
await once(server.listen(0), 'listening')

const client = new MusterClient({ endpoints: [process.env.MUSTER_ENDPOINTS ?? 'http://127.0.0.1:2379'] })
const registered = await client.register({
  name: 'greeter',
  host: '127.0.0.1',
  port: server.address().port,
  tags: ['example'],
  check: '/',
})
console.log(`process ${process.pid} is announced`)

process.once('SIGTERM', async () => {
  await registered.close()
  await wait(500)
  await client.close()
  server.close()
})
