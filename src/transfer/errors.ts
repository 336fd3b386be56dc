/**
 * What can stop a transfer, beside the errors of the client.
 */

/** A transfer cannot go on. `code` is stable, the message is not. */
export class TransferError extends Error {
  override readonly name = 'TransferError'
  readonly code:
    | 'MUSTER_EXPORT_DAMAGED'
    | 'MUSTER_EXPORT_NEWER'
    | 'MUSTER_TRANSFER_NOTHING_THERE'
    | 'MUSTER_TRANSFER_SOURCE_GONE'
    | 'MUSTER_TRANSFER_TARGET_GONE'

  constructor(code: TransferError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
