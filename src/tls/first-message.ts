/**
 * The first message of a TLS client, whole, before anybody works on it.
 *
 * Owns: knowing where it ends (RFC 8446, 4 and 5.1), waiting for it, and putting back what was read. Leaves to others: what it says
 * (the library), how long to wait (`secure-server.ts`).
 */
import type { Socket } from 'node:net'

/** Bytes of a record before its contents: type, version, length. */
const RECORD_HEAD = 5
/** Type of a record that carries handshake messages. */
const HANDSHAKE = 22
/** Bytes of a message before its contents: type and a length of three bytes. */
const MESSAGE_HEAD = 4
/** Bytes that are waited for. Clients send one or two thousand; one that sends more is not waited for any longer. */
const MESSAGE_BYTES_MAX = 16 * 1024

/**
 * Calls `whole` once the message is there, or what can be no beginning of one; never when the connection ends before. The socket has
 * no reader until then, and nobody has read from it.
 */
export function untilFirstMessage(socket: Socket, whole: () => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  const read = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    if (bytes.length < MESSAGE_BYTES_MAX && !isFirstMessage(bytes)) return
    socket.off('readable', read)
    socket.unshift(bytes)
    whole()
  }
  socket.on('readable', read)
}

/**
 * Whether bytes hold a whole message, in however many records, or something else. Copies nothing: it is asked for each chunk, and
 * who sends a byte at a time, in records of one byte, must not be dear.
 */
export function isFirstMessage(bytes: Buffer): boolean {
  /** Bytes of the message so far, and those that its head announces. */
  let seen = 0
  let announced = 0
  let at = 0
  while (at < bytes.length) {
    if (bytes[at] !== HANDSHAKE) return true
    if (at + RECORD_HEAD > bytes.length) return false
    const length = bytes.readUInt16BE(at + 3)
    // There are none that are empty.
    if (length === 0) return true
    const begin = at + RECORD_HEAD
    at = begin + length
    if (at > bytes.length) return false
    const headEnd = Math.min(at, begin + MESSAGE_HEAD - seen)
    for (let next = begin; next < headEnd; next += 1) {
      // The first byte is its type.
      if (seen + next - begin > 0) announced = announced * 256 + bytes.readUInt8(next)
    }
    seen += length
    if (seen >= MESSAGE_HEAD && seen >= MESSAGE_HEAD + announced) return true
  }
  return false
}
