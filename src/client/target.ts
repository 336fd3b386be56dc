/**
 * The request line of what a client asks.
 *
 * Owns: percent-encoding of keys, queries and forms.
 */

/** What needs no escapes: nearly all keys, and tested in no time. */
const PLAIN_PATH = /^[\w/.~-]*$/
const PLAIN_TEXT = /^[\w.~-]*$/
/** What has a meaning in a form, and what is not printed. */
const NOT_IN_FORM = /[%&+;\x00-\x20\x7f]/g

/** Names and values of a query or a form; undefined ones are left out. */
export type Parameters = Readonly<Record<string, string | number | boolean | undefined>>

/** `/v2/keys` with a key, encoded, and a query. Undefined parameters are left out. */
export function keyTarget(path: string, query: Parameters): string {
  const text = encode(query)
  const key = PLAIN_PATH.test(path) ? path : path.split('/').map(encodeText).join('/')
  return `/v2/keys${key}${text === '' ? '' : `?${text}`}`
}

/** The text of a query. */
export function encode(parameters: Parameters): string {
  let text = ''
  for (const name in parameters) {
    const value = parameters[name]
    if (value === undefined) continue
    text += `${text === '' ? '' : '&'}${name}=${encodeText(String(value))}`
  }
  return text
}

/**
 * The text of a form: only what a form cannot hold is escaped. Servers bound the encoded length, and escaping everything would
 * triple that of JSON and of most scripts.
 */
export function encodeForm(parameters: Parameters): string {
  let text = ''
  for (const name in parameters) {
    const value = parameters[name]
    if (value === undefined) continue
    text += `${text === '' ? '' : '&'}${name}=${encodeFormText(String(value))}`
  }
  return text
}

function encodeFormText(text: string): string {
  return PLAIN_TEXT.test(text) ? text : text.toWellFormed().replace(NOT_IN_FORM, encodeURIComponent)
}

/** Half of a surrogate pair has no UTF-8; it becomes U+FFFD rather than an error. */
function encodeText(text: string): string {
  if (PLAIN_TEXT.test(text)) return text
  return encodeURIComponent(text.toWellFormed())
}
