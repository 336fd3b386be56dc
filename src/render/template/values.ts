/**
 * What a template computes with: Go's values as far as templates can see them.
 *
 * Owns: their representation, names of types, truth, length. Leaves to others: printing (print), functions.
 *
 * A whole number is a `bigint` and a float a `number`: `{{1}}` and `{{1.0}}`, or a port out of JSON, print differently. Maps are
 * never objects, so that no key meets a prototype. `null` is Go's nil as well as "no value".
 */
import { FunctionError } from './errors.ts'
import type { Moment } from './moment.ts'

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | Struct
  | Moment

/** A record with fields of fixed names: a key with its value, an SRV record. */
export class Struct {
  readonly typeName: string
  readonly fields: ReadonlyMap<string, Value>
  /** Go hands it out by pointer: it prints with a `&`. */
  readonly pointer: boolean

  constructor(typeName: string, fields: Readonly<Record<string, Value>>, pointer = false) {
    this.typeName = typeName
    this.fields = new Map(Object.entries(fields))
    this.pointer = pointer
  }
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

export function isMap(value: Value): value is ReadonlyMap<string, Value> {
  return value instanceof Map
}

/** As Go's `%T` says it, nearly: lists do not know what they may hold, only what they hold. */
export function typeName(value: Value): string {
  if (value === null) return '<nil>'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return 'float64'
  if (typeof value === 'boolean') return 'bool'
  if (isMap(value)) return 'map[string]interface {}'
  if (value instanceof Struct) return `${value.pointer ? '*' : ''}${value.typeName}`
  if (!isList(value)) return 'time.Time'
  const of = value.length === 0 ? 'interface {}' : typeName(value[0] as Value)
  return value.every((one) => typeName(one) === of) ? `[]${of}` : '[]interface {}'
}

/** Go's `if`: false, zero, nil and what is empty are false. */
export function isTrue(value: Value): boolean {
  if (value === null) return false
  if (typeof value === 'boolean') return value
  if (typeof value === 'bigint') return value !== 0n
  if (typeof value === 'number') return value !== 0
  if (typeof value === 'string' || isList(value)) return value.length > 0
  return isMap(value) ? value.size > 0 : true
}

/** Go's `len`: bytes of a string. @throws FunctionError on what has no length. */
export function lengthOf(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (isMap(value)) return value.size
  if (isList(value)) return value.length
  throw new FunctionError(value === null ? 'len of nil pointer' : `len of type ${typeName(value)}`)
}

/** Keys in the order in which Go ranges over and prints them. */
export function sortedKeys(map: ReadonlyMap<string, Value>): string[] {
  return [...map.keys()].sort(compareBytes)
}

/** By UTF-8 bytes, as Go compares strings: UTF-16 puts characters beyond the first plane before some of it. */
export function compareBytes(a: string, b: string): number {
  const order = a < b ? -1 : Number(a > b)
  return SURROGATE.test(a) || SURROGATE.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : order
}

const SURROGATE = /[\ud800-\udfff]/
