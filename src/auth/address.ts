/**
 * Which client an address is of, for bounds that are counted by client.
 *
 * Owns: that whoever has one IPv6 address has a whole network of them.
 */

/** The address as it is counted: an IPv6 address by its first 64 bits, any other as it is. */
export function clientOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address
  const [head = '', tail = ''] = address.split('::', 2)
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const zeros = address.includes('::') ? Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0') : []
  return [...left, ...zeros, ...right].slice(0, 4).join(':')
}
