/**
 * A name server on loopback that answers SRV and A questions from a list.
 *
 * Owns: as much of RFC 1035 as such an answer needs. Names that are not in the list do not exist.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export type DnsAnswer = { readonly address: string } | { readonly host: string; readonly port: number }

export interface DnsServer {
  /** `127.0.0.1:PORT`. */
  readonly server: string
  close(): void
}

const TYPE_A = 1
const TYPE_SRV = 33
const HEAD_BYTES = 12

/** @param zone answers by lower-case name. @param port 0 takes a free one. */
export async function startDns(zone: Readonly<Record<string, readonly DnsAnswer[]>>, port = 0): Promise<DnsServer> {
  const socket = createSocket('udp4')
  socket.on('message', (question, from) => socket.send(reply(question, zone), from.port, from.address))
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  return { server: `127.0.0.1:${socket.address().port}`, close: () => socket.close() }
}

function reply(question: Buffer, zone: Readonly<Record<string, readonly DnsAnswer[]>>): Buffer {
  const labels: string[] = []
  let at = HEAD_BYTES
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const type = question.readUInt16BE(at + 1)
  const asked = question.subarray(HEAD_BYTES, at + 5)
  const known = zone[labels.join('.').toLowerCase()]
  const records = (known ?? []).flatMap((answer) => record(type, answer))
  const head = Buffer.alloc(HEAD_BYTES)
  question.copy(head, 0, 0, 2)
  head.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(records.length, 6)
  return Buffer.concat([head, asked, ...records])
}

function record(type: number, answer: DnsAnswer): Buffer[] {
  if (type === TYPE_SRV && 'host' in answer) {
    const target = Buffer.concat([
      ...answer.host.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
      Buffer.from([0]),
    ])
    const fixed = Buffer.alloc(6)
    fixed.writeUInt16BE(answer.port, 4)
    return [resource(type, Buffer.concat([fixed, target]))]
  }
  if (type === TYPE_A && 'address' in answer)
    return [resource(type, Buffer.from(answer.address.split('.').map(Number)))]
  return []
}

function resource(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  // A pointer to the name in the question.
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(60, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
