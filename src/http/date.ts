/**
 * The `Date` header, rendered once a second.
 */

let text = ''
let validUntilMs = 0

/** The present second as HTTP writes dates. */
export function httpDate(): string {
  const nowMs = Date.now()
  if (nowMs >= validUntilMs || nowMs < validUntilMs - 1000) {
    text = new Date(nowMs).toUTCString()
    validUntilMs = nowMs - (nowMs % 1000) + 1000
  }
  return text
}
