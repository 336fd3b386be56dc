/**
 * Values that are more than text.
 *
 * Owns: the two codecs that nearly everybody needs. Leaves to others: when they are used (keys).
 */
import { ClientError } from './errors.ts'

/** How values of one type are written and read. What it throws becomes `MUSTER_CLIENT_BAD_VALUE`. */
export interface Codec<T> {
  encode(value: T): string
  decode(text: string): T
}

/** Text as it is. */
export const textCodec: Codec<string> = { encode: (value) => value, decode: (text) => text }

/**
 * JSON.
 * @param schema makes the type out of what was parsed, or throws: the `parse` of a schema library, or a function of your own.
 *   Without one the type is believed.
 */
export function jsonCodec<T = unknown>(schema?: (value: unknown) => T): Codec<T> {
  return {
    encode: (value) => {
      const text = JSON.stringify(value) as string | undefined
      if (text === undefined) throw new TypeError('a value that JSON has no form for')
      return text
    },
    decode: (text) => {
      const value = JSON.parse(text) as unknown
      return schema === undefined ? (value as T) : schema(value)
    },
  }
}

/** The text of a value. @throws ClientError `MUSTER_CLIENT_BAD_VALUE`. */
export function encodeWith<T>(codec: Codec<T> | undefined, path: string, value: T): string {
  if (codec === undefined) return String(value)
  try {
    return codec.encode(value)
  } catch (error) {
    throw badValue(`the value for ${path} cannot be written`, error)
  }
}

/** The value of a text. @throws ClientError `MUSTER_CLIENT_BAD_VALUE`. */
export function decodeWith<T>(codec: Codec<T> | undefined, path: string, text: string): T {
  // Without a codec T is text: the overloads of whoever calls this see to it.
  if (codec === undefined) return text as T
  try {
    return codec.decode(text)
  } catch (error) {
    throw badValue(`the value of ${path} is not what was expected`, error)
  }
}

function badValue(what: string, cause: unknown): ClientError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new ClientError('MUSTER_CLIENT_BAD_VALUE', `${what}: ${why}`, { definite: true, retriable: false, cause })
}
