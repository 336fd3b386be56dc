/**
 * The bytes of a command, as they stand in the log.
 *
 * Owns: the encoding and its history. Leaves to others: what commands mean (command.ts), checksums and entries (raft).
 *
 * `<version u8> <code u8> <fields…>`. Version history: 1, first; a new code needs no new version. A command that this release
 * does not know must end the process, for skipping it would make this member differ from the others.
 */
import assert from 'node:assert'
import { ADVANCED_INDEX_MAX } from '../api.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { AUTH_PUTS_MAX, type AuthPut, type Command, type PrevIndex, type Ttl } from './command.ts'
import { StoreError } from './store-error.ts'

const VERSION = 1

/** On disk and between members. Never reuse one. */
const Code = {
  set: 1,
  create: 2,
  update: 3,
  compareAndSwap: 4,
  delete: 5,
  compareAndDelete: 6,
  expire: 7,
  putMember: 8,
  removeMember: 9,
  auth: 10,
  advanceIndex: 11,
} as const satisfies Record<Command['kind'], number>

const FLAG_1 = 1
const FLAG_2 = 2
const HAS_TTL = 4

const writer = new ByteWriter()

/** Encodes a command. The bytes are never changed afterwards. */
export function encodeCommand(command: Command): Uint8Array {
  writer.u8(VERSION)
  writer.u8(Code[command.kind])
  switch (command.kind) {
    case 'set':
      writeFlags(command.dir, command.refresh, command.ttl)
      writer.string(command.path)
      writer.string(command.value)
      break
    case 'create':
      writeFlags(command.dir, command.inOrder, command.ttl)
      writer.string(command.path)
      writer.string(command.value)
      break
    case 'update':
      writeFlags(false, command.refresh, command.ttl)
      writer.string(command.path)
      writer.string(command.value)
      break
    case 'compareAndSwap':
      writeFlags(false, command.refresh, command.ttl)
      writer.string(command.path)
      writer.string(command.value)
      writer.u64(command.prevIndex)
      writer.string(command.prevValue)
      break
    case 'delete':
      writeFlags(command.dir, command.recursive, undefined)
      writer.string(command.path)
      break
    case 'compareAndDelete':
      writer.string(command.path)
      writer.u64(command.prevIndex)
      writer.string(command.prevValue)
      break
    case 'expire':
      writer.f64(command.term)
      break
    case 'putMember':
      writer.string(
        JSON.stringify([command.id, command.peerUrls ?? null, command.name ?? null, command.clientUrls ?? null]),
      )
      break
    case 'removeMember':
      writer.string(command.id)
      break
    case 'auth':
      assert(command.puts.length <= AUTH_PUTS_MAX, 'an auth command is small')
      writer.f64(command.prevAuthIndex)
      writer.u32(command.puts.length)
      for (const { key, value } of command.puts) {
        writer.u8(value === undefined ? 0 : 1)
        writer.string(key)
        if (value !== undefined) writer.string(value)
      }
      break
    case 'advanceIndex':
      assert(Number.isSafeInteger(command.to) && command.to >= 0, 'an index is a whole number')
      assert(command.to <= ADVANCED_INDEX_MAX, 'an advanced index leaves room for steps')
      writer.f64(command.to)
      break
  }
  return writer.finish()
}

/**
 * Decodes a command. Its strings are copies.
 *
 * @throws StoreError MUSTER_COMMAND_UNKNOWN for one that only a newer release knows; MUSTER_DATA_DAMAGED for bytes that
 *   are no command.
 */
export function decodeCommand(bytes: Uint8Array): Command {
  const reader = new ByteReader(bytes)
  const version = reader.u8()
  const code = reader.u8()
  const command = version === VERSION ? read(reader, code) : undefined
  if (command === undefined) {
    throw new StoreError(
      'MUSTER_COMMAND_UNKNOWN',
      `cannot apply command ${code} of version ${version}: this data needs a newer muster`,
    )
  }
  reader.end()
  return command
}

function read(reader: ByteReader, code: number): Command | undefined {
  switch (code) {
    case Code.set: {
      const flags = reader.u8()
      const ttl = readTtl(reader, flags)
      const path = reader.string()
      const value = reader.string()
      return { kind: 'set', path, value, dir: (flags & FLAG_1) !== 0, ttl, refresh: (flags & FLAG_2) !== 0 }
    }
    case Code.create: {
      const flags = reader.u8()
      const ttl = readTtl(reader, flags)
      const path = reader.string()
      const value = reader.string()
      return { kind: 'create', path, value, dir: (flags & FLAG_1) !== 0, ttl, inOrder: (flags & FLAG_2) !== 0 }
    }
    case Code.update: {
      const flags = reader.u8()
      const ttl = readTtl(reader, flags)
      const path = reader.string()
      const value = reader.string()
      return { kind: 'update', path, value, ttl, refresh: (flags & FLAG_2) !== 0 }
    }
    case Code.compareAndSwap: {
      const flags = reader.u8()
      const ttl = readTtl(reader, flags)
      const path = reader.string()
      const value = reader.string()
      const prevIndex = readIndex(reader)
      const prevValue = reader.string()
      return { kind: 'compareAndSwap', path, value, ttl, refresh: (flags & FLAG_2) !== 0, prevIndex, prevValue }
    }
    case Code.delete: {
      const flags = reader.u8()
      return { kind: 'delete', path: reader.string(), dir: (flags & FLAG_1) !== 0, recursive: (flags & FLAG_2) !== 0 }
    }
    case Code.compareAndDelete: {
      const path = reader.string()
      const prevIndex = readIndex(reader)
      return { kind: 'compareAndDelete', path, prevIndex, prevValue: reader.string() }
    }
    case Code.expire:
      return { kind: 'expire', term: reader.f64() }
    case Code.putMember: {
      const [id, peerUrls, name, clientUrls] = JSON.parse(reader.string())
      return {
        kind: 'putMember',
        id,
        peerUrls: peerUrls ?? undefined,
        name: name ?? undefined,
        clientUrls: clientUrls ?? undefined,
      }
    }
    case Code.removeMember:
      return { kind: 'removeMember', id: reader.string() }
    case Code.auth: {
      const prevAuthIndex = reader.f64()
      const puts: AuthPut[] = []
      for (let left = reader.u32(); left > 0; left -= 1) {
        const kept = reader.u8() !== 0
        const key = reader.string()
        puts.push({ key, value: kept ? reader.string() : undefined })
      }
      return { kind: 'auth', prevAuthIndex, puts }
    }
    case Code.advanceIndex:
      return { kind: 'advanceIndex', to: reader.f64() }
    default:
      return undefined
  }
}

function writeFlags(flag1: boolean, flag2: boolean, ttl: Ttl | undefined): void {
  writer.u8((flag1 ? FLAG_1 : 0) | (flag2 ? FLAG_2 : 0) | (ttl === undefined ? 0 : HAS_TTL))
  if (ttl === undefined) return
  writer.f64(ttl.ms)
  writer.f64(ttl.expirationMs)
}

function readTtl(reader: ByteReader, flags: number): Ttl | undefined {
  return (flags & HAS_TTL) === 0 ? undefined : { ms: reader.f64(), expirationMs: reader.f64() }
}

function readIndex(reader: ByteReader): PrevIndex {
  const index = reader.u64()
  return index <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(index) : index
}
