/**
 * Building and reading the binary forms of rows, commands and snapshots.
 *
 * Owns: numbers, strings and byte strings in a buffer, with bounds checked on reading. Leaves to others: what they
 * mean. Integers are big-endian; numbers that may exceed 32 bits are IEEE doubles, exact for safe integers.
 */
import { StoreError } from './store-error.ts'

const BLOCK_BYTES = 64 * 1024

/**
 * Builds byte strings one after the other in shared blocks, so that a turn of many small rows costs few allocations.
 * A finished piece is never written to again.
 */
export class ByteWriter {
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  #view = new DataView(this.#block.buffer, this.#block.byteOffset, this.#block.length)
  #start = 0
  #end = 0

  u8(value: number): void {
    this.#reserve(1)
    this.#block[this.#end++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#end, value)
    this.#end += 4
  }

  /** Any safe integer. */
  f64(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#end, value)
    this.#end += 8
  }

  /** An unsigned 64-bit integer; in keys, where byte order must be number order. */
  u64(value: number | bigint): void {
    this.#reserve(8)
    if (typeof value === 'bigint') {
      this.#view.setBigUint64(this.#end, value)
    } else {
      this.#view.setUint32(this.#end, Math.floor(value / 0x1_0000_0000))
      this.#view.setUint32(this.#end + 4, value >>> 0)
    }
    this.#end += 8
  }

  /** UTF-8 with its length in front. */
  string(value: string): void {
    this.#reserve(4 + value.length * 3)
    const written = this.#block.write(value, this.#end + 4, 'utf8')
    this.#view.setUint32(this.#end, written)
    this.#end += 4 + written
  }

  /** UTF-8 without a length; the end of the piece is its end. */
  text(value: string): void {
    this.#reserve(value.length * 3)
    this.#end += this.#block.write(value, this.#end, 'utf8')
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#block.set(value, this.#end)
    this.#end += value.length
  }

  /** Length of the piece under construction. */
  get length(): number {
    return this.#end - this.#start
  }

  /** Ends the piece and hands it over; the next call begins another. */
  finish(): Buffer {
    const piece = this.#block.subarray(this.#start, this.#end)
    this.#start = this.#end
    return piece
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes > this.#block.length) this.#grow(bytes)
  }

  /** Goes on in a fresh block, to which the unfinished piece moves. */
  #grow(bytes: number): void {
    const begun = this.#block.subarray(this.#start, this.#end)
    const needed = begun.length + bytes
    this.#block = Buffer.allocUnsafeSlow(needed <= BLOCK_BYTES ? BLOCK_BYTES : needed * 2)
    this.#view = new DataView(this.#block.buffer, this.#block.byteOffset, this.#block.length)
    this.#block.set(begun, 0)
    this.#start = 0
    this.#end = begun.length
  }
}

/**
 * Reads what ByteWriter wrote. Strings are copies: they keep nothing else alive.
 *
 * Every method throws StoreError MUSTER_DATA_DAMAGED when the bytes end too soon.
 */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = at
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8))
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8))
  }

  string(): string {
    const length = this.u32()
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** Everything up to the end, as text. */
  text(): string {
    const at = this.#take(this.remaining)
    return this.#bytes.toString('utf8', at)
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  /** Checks that nothing is left over. */
  end(): void {
    if (this.remaining !== 0) throw damaged(`${this.remaining} bytes too many`)
  }

  #take(bytes: number): number {
    const at = this.#at
    if (at + bytes > this.#bytes.length) throw damaged('cut short')
    this.#at = at + bytes
    return at
  }
}

function damaged(how: string): StoreError {
  return new StoreError('MUSTER_DATA_DAMAGED', `cannot read stored data: ${how}`)
}
