/**
 * What stands behind a dot: keys of maps, fields of records, methods of times.
 *
 * Owns: the look-up and its errors.
 */
import { FunctionError } from './errors.ts'
import { checkArgument, checkCount, type TemplateFunction, typeAt } from './functions.ts'
import { Moment } from './moment.ts'
import { isList, isMap, Struct, typeName, type Value } from './values.ts'

type Method = (moment: Moment, values: readonly Value[]) => Value

const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['Format', (moment, [layout]) => moment.format(String(layout))],
  ['String', (moment) => moment.toString()],
  ['UTC', (moment) => moment.utc()],
  ['Local', (moment) => moment.local()],
  ['Unix', (moment) => moment.unix()],
  ['UnixNano', (moment) => moment.unixNano()],
  ['Year', (moment) => BigInt(moment.parts().year)],
  ['Month', (moment) => moment.parts().monthName],
  ['Day', (moment) => BigInt(moment.parts().day)],
  ['Weekday', (moment) => moment.parts().weekday],
  ['YearDay', (moment) => BigInt(moment.parts().yearDay)],
  ['Hour', (moment) => BigInt(moment.parts().hour)],
  ['Minute', (moment) => BigInt(moment.parts().minute)],
  ['Second', (moment) => BigInt(moment.parts().second)],
  ['Nanosecond', (moment) => BigInt(moment.parts().nanosecond)],
])

/**
 * What `.name` of a value is.
 *
 * @param values Arguments behind it; only methods take any.
 * @throws FunctionError when it has no such thing.
 */
export function memberOf(value: Value, name: string, values: readonly Value[]): Value {
  if (value instanceof Moment) return methodOf(value, name, values)
  if (isMap(value) || value instanceof Struct) {
    if (values.length > 0) throw new FunctionError(`${name} is not a method but has arguments`)
    const found = isMap(value) ? (value.get(name) ?? null) : value.fields.get(name)
    if (found !== undefined) return found
  }
  if (value === null) return null
  const type = isList(value) ? typeName(value) : `type ${typeName(value)}`
  throw new FunctionError(`can't evaluate field ${name} in ${type}`)
}

function methodOf(moment: Moment, name: string, values: readonly Value[]): Value {
  const method = METHODS.get(name)
  if (method === undefined) throw new FunctionError(`can't evaluate field ${name} in type time.Time`)
  const definition: TemplateFunction = {
    parameters: name === 'Format' ? ['string'] : [],
    run: (checked) => method(moment, checked),
  }
  checkCount(name, definition, values.length)
  return definition.run(values.map((value, at) => checkArgument(value, typeAt(definition, at))))
}
