/**
 * Where users, roles and the flag come from.
 *
 * Owns: the port that the store's view fills (store/auth-table.ts), and that tests fill with a map.
 */

/** Records of the reserved subtree, as this member knows them now. */
export interface AuthSource {
  /** Whether requests are judged. */
  readonly enabled: boolean
  /** Moves whenever anything here changes; 0: nothing ever did. */
  readonly index: number
  get(section: 'users' | 'roles', name: string): string | undefined
  /** In no particular order. */
  names(section: 'users' | 'roles'): readonly string[]
  count(section: 'users' | 'roles'): number
}
