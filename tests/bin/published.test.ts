/** URLs of http that members publish get neither a password nor a change from a user who named https. */
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { TestAuthority } from '../support/certificates.ts'
import { NODE, ROOT } from '../support/child.ts'
import { eventText, startOdd } from '../support/odd-server.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const authority = new TestAuthority()

test.each(['get /a', 'set /a 1', 'watch /a', 'status', 'cluster-health'])('%s', async (words) => {
  const plain = await startOdd((_request, response) => response.end(eventText('get', '/a', 'in the clear', 7)))
  const asked: string[] = []
  const secure = createServer(authority.issue(), (request, response) => {
    asked.push(request.url ?? '')
    const members = [{ id: 'f4a457008d1441f2', name: 'm', peerURLs: ['http://m:1'], clientURLs: [plain.url] }]
    response.setHeader('x-etcd-index', '7')
    response.end(request.url === '/v2/members' ? JSON.stringify({ members }) : eventText('get', '/a', 'over TLS', 7))
  })
  await new Promise<void>((done) => secure.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    secure.closeAllConnections()
    secure.close()
  })
  const ca = join(await scratchDir(), 'ca.pem')
  await writeFile(ca, authority.cert)
  const env = { MUSTER_ENDPOINTS: `https://127.0.0.1:${(secure.address() as AddressInfo).port}`, MUSTER_CACERT: ca }
  const child = startChild(NODE, [join(ROOT, 'bin', 'muster.ts'), '-u', 'ann:secret', ...words.split(' ')], { env })
  await child.exited
  expect(plain.asked).toEqual([])
  expect(asked).toContain('/v2/members')
  expect(child.stderr.match(/not asking/g)).toHaveLength(1)
  expect(child.stderr).toContain(`muster: not asking ${plain.url}, which a member publishes`)
  if (words.endsWith('/a')) expect(child.stdout).toContain('over TLS')
})
