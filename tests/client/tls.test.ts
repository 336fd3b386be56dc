/** The client over TLS: whom it trusts, and the certificate that it shows. */
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import type { ClientTls } from '../../src/client/options.ts'
import { TestAuthority } from '../support/certificates.ts'

const authority = new TestAuthority()

/** A server that asks for certificates and answers every GET with the common name that it saw. */
async function startServer(): Promise<string> {
  const { cert, key } = authority.issue()
  const server = createServer({ cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: false })
  server.on('request', (request, response) => {
    const name = (request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'nobody'
    response.end(JSON.stringify({ action: 'get', node: { key: '/a', value: name } }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function clientOf(url: string, tls: ClientTls): MusterClient {
  const client = new MusterClient({ endpoints: [url], tls })
  onTestFinished(() => client.close())
  return client
}

test('an authority that is named is trusted, and the client shows its own certificate', async () => {
  const url = await startServer()
  expect((await clientOf(url, { ca: authority.cert }).get('/a')).node.value).toBe('nobody')
  const { cert, key } = authority.issue({ cn: 'importer' })
  expect((await clientOf(url, { ca: authority.cert, cert, key }).get('/a')).node.value).toBe('importer')
})

test('a server that nobody vouches for gets no request, and the error says so', async () => {
  const url = await startServer()
  for (const tls of [{}, { ca: new TestAuthority('another').cert }]) {
    await expect(clientOf(url, tls).set('/a', '1')).rejects.toMatchObject({
      code: 'MUSTER_CLIENT_UNREACHABLE',
      definite: true,
      message: expect.stringMatching(/certificate/),
    })
  }
})
