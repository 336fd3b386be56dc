/**
 * Turning auth on and off. Pure.
 *
 * Owns: section 10.2 of the API page. Leaves to others: replication.
 */
import { change, type Decision, refuse } from './decision.ts'
import { type AuthRecords, GUEST, GUEST_ROLE, putRole, ROOT } from './records.ts'

/** PUT `/v2/auth/enable`: needs the user root; makes the role guest, which may everything, if there is none. */
export function decideEnable(records: AuthRecords): Decision {
  if (records.enabled) return refuse(409, 'auth: already enabled')
  if (records.user(ROOT) === undefined) return refuse(409, 'auth: No root user available, please create one')
  const guest = records.role(GUEST) === undefined ? [putRole(GUEST_ROLE)] : []
  return change(200, [...guest, { key: 'enabled', value: 'true' }], undefined)
}

/** DELETE `/v2/auth/enable`. */
export function decideDisable(records: AuthRecords): Decision {
  if (!records.enabled) return refuse(409, 'auth: already disabled')
  return change(200, [{ key: 'enabled', value: 'false' }], undefined)
}
