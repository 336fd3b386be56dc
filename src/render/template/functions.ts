/**
 * What a function that templates may call looks like.
 *
 * Owns: the types of parameters, and the check of arguments against them. Leaves to others: the functions.
 */
import { FunctionError } from './errors.ts'
import { isList, typeName, type Value } from './values.ts'

/** What a parameter takes. `strings` is a list of nothing but strings. */
export type ParameterType = 'any' | 'int' | 'string' | 'strings' | 'map'

/** A function of a template. */
export interface TemplateFunction {
  readonly parameters: readonly ParameterType[]
  /** Type of any number of further arguments. */
  readonly rest?: ParameterType
  /** How many of the parameters may be left out. */
  readonly optional?: number
  /** @throws FunctionError */
  run(values: readonly Value[]): Value
}

export type FunctionTable = ReadonlyMap<string, TemplateFunction>

const GO_NAMES: Readonly<Record<ParameterType, string>> = {
  any: 'interface {}',
  int: 'int',
  string: 'string',
  strings: '[]string',
  map: 'map[string]interface {}',
}

/** @throws FunctionError when there are too few or too many. */
export function checkCount(name: string, definition: TemplateFunction, count: number): void {
  const { parameters, rest, optional = 0 } = definition
  const min = parameters.length - optional
  if (count >= min && (count <= parameters.length || rest !== undefined)) return
  const want = rest !== undefined || optional > 0 ? `at least ${min}` : String(min)
  throw new FunctionError(`wrong number of args for ${name}: want ${want} got ${count}`)
}

/** Type of the argument at this place, from 0. */
export function typeAt(definition: TemplateFunction, at: number): ParameterType {
  return definition.parameters[at] ?? definition.rest ?? 'any'
}

/** The value as the parameter takes it. @throws FunctionError when it does not. */
export function checkArgument(value: Value, type: ParameterType): Value {
  switch (type) {
    case 'any':
      return value
    case 'int':
      if (typeof value === 'bigint') return value
      break
    case 'string':
      if (typeof value === 'string') return value
      break
    case 'strings':
      if (value === null) return []
      if (isList(value) && value.every((one) => typeof one === 'string')) return value
      break
    case 'map':
      if (value === null || value instanceof Map) return value
  }
  if (value === null) throw new FunctionError(`invalid value; expected ${GO_NAMES[type]}`)
  throw new FunctionError(`wrong type for value; expected ${GO_NAMES[type]}; got ${typeName(value)}`)
}
