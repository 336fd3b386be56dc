/**
 * The `Content-Type` of a request body: is it a form, something else, or malformed?
 *
 * Owns: what Go's `mime.ParseMediaType` finds wrong, since error 210 shows its words. Leaves to others: reading the body.
 */

export type BodyType = 'form' | 'other' | { readonly fault: string }

const FORM = 'application/x-www-form-urlencoded'
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/
const QUOTED = /^"((?:[^"\\\r\n]|\\[^\r\n])*)"/

/** @param header The header's value; empty when there was none. */
export function bodyType(header: string): BodyType {
  if (header === FORM) return 'form'
  if (header === '') return 'other'
  const semicolon = header.indexOf(';')
  const type = (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase()
  const fault = typeFault(type) ?? (semicolon < 0 ? undefined : parameterFault(header.slice(semicolon)))
  if (fault !== undefined) return { fault }
  return type === FORM ? 'form' : 'other'
}

function typeFault(type: string): string | undefined {
  const main = TOKEN.exec(type)?.[0]
  if (main === undefined) return 'mime: no media type'
  if (main.length === type.length) return undefined
  if (type[main.length] !== '/') return 'mime: expected slash after first token'
  const subtype = TOKEN.exec(type.slice(main.length + 1))?.[0]
  if (subtype === undefined) return 'mime: expected token after slash'
  return main.length + 1 + subtype.length === type.length ? undefined : 'mime: unexpected content after media subtype'
}

function parameterFault(text: string): string | undefined {
  const seen = new Set<string>()
  for (let rest = text.trimStart(); rest !== ''; rest = rest.trimStart()) {
    const after = rest.slice(1).trimStart()
    const name = TOKEN.exec(after)?.[0]
    const valued = name === undefined ? '' : after.slice(name.length).trimStart()
    if (rest[0] !== ';' || name === undefined || valued[0] !== '=') {
      return rest.trim() === ';' ? undefined : 'mime: invalid media parameter'
    }
    const raw = valued.slice(1).trimStart()
    const match = TOKEN.exec(raw) ?? QUOTED.exec(raw)
    if (match === null) return 'mime: invalid media parameter'
    if (seen.has(name.toLowerCase())) return 'mime: duplicate parameter name'
    seen.add(name.toLowerCase())
    rest = raw.slice(match[0].length)
  }
  return undefined
}
