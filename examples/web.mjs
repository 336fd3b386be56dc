/**
 * A small web service for the examples: it answers every request with its name and its process id.
 *
 * It listens where `muster register` says, and ends in order when it is told to: no new connections, then the answers that
 * are under way, then the end.
 */
import { createServer } from 'node:http'

const port = Number(process.env.MUSTER_SERVICE_PORT ?? process.argv[2] ?? 8080)
const name = process.env.MUSTER_SERVICE_ID ?? process.env.HOSTNAME ?? 'web'

const server = createServer((_request, response) => {
  response.end(`${name} ${process.pid}\n`)
})
server.listen(port)
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => server.close())
