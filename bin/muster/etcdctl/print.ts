/**
 * How etcdctl shows the outcome of a command on a key: `simple`, `extended` or `json`.
 *
 * Owns: the three forms, and JSON as Go writes it. Leaves to others: what was asked (keys, watch).
 */
import process from 'node:process'
import type { EventJson, NodeJson } from '../../../src/client/node.ts'

/** Go escapes these for the sake of HTML and JavaScript, and has no short form for two more. */
const ESCAPED = /[<>&\u2028\u2029]|\\[bf]/g
const SHORT_FORMS: Readonly<Record<string, string>> = { '\\b': '\\u0008', '\\f': '\\u000c' }

/** Prints an event or an answer. @param index `X-Etcd-Index` of the answer. */
export function printEvent(event: EventJson, index: number, format = 'simple'): void {
  if (format === 'simple') print(event.action === 'delete' ? previous(event) : (event.node.value ?? ''))
  else if (format === 'extended') print(extended(event, index))
  else if (format === 'json') print(eventJson(event))
  else process.stderr.write(`Unsupported output format: ${format}\n`)
}

/** Prints a line. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** An event as Go marshals it, on one line. */
function eventJson({ action, node, prevNode }: EventJson): string {
  return `{"action":${text(action)},"node":${nodeJson(node)},"prevNode":${prevNode === undefined ? 'null' : nodeJson(prevNode)}}`
}

function previous({ prevNode }: EventJson): string {
  return `PrevNode.Value: ${prevNode?.value ?? ''}`
}

function extended(event: EventJson, index: number): string {
  const { action, node, prevNode } = event
  const lines = [
    `Key: ${node.key ?? ''}`,
    `Created-Index: ${node.createdIndex ?? 0}`,
    `Modified-Index: ${node.modifiedIndex ?? 0}`,
  ]
  if (prevNode !== undefined) lines.push(previous(event))
  lines.push(`TTL: ${node.ttl ?? 0}`, `Index: ${index}`)
  if (action !== 'delete') lines.push('', node.value ?? '')
  return lines.join('\n')
}

function nodeJson(node: NodeJson): string {
  const fields = [`"key":${text(node.key ?? '')}`]
  if (node.dir === true) fields.push('"dir":true')
  fields.push(`"value":${text(node.value ?? '')}`)
  fields.push(`"nodes":${node.nodes === undefined ? 'null' : `[${node.nodes.map(nodeJson).join(',')}]`}`)
  fields.push(`"createdIndex":${node.createdIndex ?? 0}`, `"modifiedIndex":${node.modifiedIndex ?? 0}`)
  if (node.expiration !== undefined) fields.push(`"expiration":${text(node.expiration)}`)
  if (node.ttl !== undefined && node.ttl !== 0) fields.push(`"ttl":${node.ttl}`)
  return `{${fields.join(',')}}`
}

function text(value: string): string {
  return JSON.stringify(value).replace(ESCAPED, (found, at: number, whole: string) => {
    if (found.length === 1) return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
    return isEscaped(whole, at) ? found : (SHORT_FORMS[found] as string)
  })
}

/** Whether the backslash at `at` is itself escaped: an odd number of them stands before it. */
function isEscaped(whole: string, at: number): boolean {
  let before = 0
  while (whole[at - 1 - before] === '\\') before += 1
  return before % 2 === 1
}
