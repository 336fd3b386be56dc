/**
 * `eq`, `ne`, `lt`, `le`, `gt`, `ge`.
 *
 * Owns: what may be compared with what, as in Go.
 */
import { FunctionError } from './errors.ts'
import { compareBytes, Struct, typeName, type Value } from './values.ts'

/** Whether the first equals any of the others. @throws FunctionError when they cannot be compared. */
export function equalsAny(first: Value, others: readonly Value[]): boolean {
  if (others.length === 0) throw new FunctionError('missing argument for comparison')
  return others.some((other) => equals(first, other))
}

function equals(a: Value, b: Value): boolean {
  if (a === null || b === null) return a === b
  if (typeof a === 'object' && typeof b === 'object') {
    if (a instanceof Struct && b instanceof Struct && a.typeName === b.typeName) return a === b || haveSameFields(a, b)
    throw new FunctionError(`non-comparable type ${typeName(a)}: ${typeName(b)}`)
  }
  if (typeof a !== typeof b) throw new FunctionError('incompatible types for comparison')
  return a === b
}

/** Records are equal when their fields are; those that Go hands out by pointer only when they are one and the same. */
function haveSameFields(a: Struct, b: Struct): boolean {
  return !a.pointer && [...a.fields].every(([name, value]) => equals(value, b.fields.get(name) ?? null))
}

/** Negative, 0 or positive. @throws FunctionError when they have no order. */
export function order(a: Value, b: Value): number {
  for (const value of [a, b]) {
    if (typeof value === 'object' || typeof value === 'boolean') throw new FunctionError('invalid type for comparison')
  }
  if (typeof a !== typeof b) throw new FunctionError('incompatible types for comparison')
  if (typeof a === 'string' && typeof b === 'string') return compareBytes(a, b)
  const [left, right] = [a as number | bigint, b as number | bigint]
  return left < right ? -1 : Number(left > right)
}
