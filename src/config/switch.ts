/**
 * The words that stand for yes and no.
 *
 * Owns: that list, which is Go's, so that old command lines and unit files are read as their authors meant.
 */

/** Undefined for any other word. */
export function parseSwitch(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false
  return undefined
}
