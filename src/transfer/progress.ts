/**
 * How far a transfer is, for whoever shows it.
 *
 * Owns: the names of phases and counts, and the port through which a transfer speaks. Leaves to others: bars and lines (the
 * command).
 */

export type Phase = 'looking' | 'copying' | 'following' | 'verifying' | 'writing' | 'done'

/** Numbers that grow, but where it says otherwise; the transfer counts, the display reads. */
export interface Counts {
  /** Nodes read from the source. */
  read: number
  /** Nodes found equal at the target. */
  equal: number
  written: number
  removed: number
  /** Times that the target was asked to take its index further, and did not refuse: whether it did may not be known. */
  advanced: number
  /** Nodes that fell due on the way. */
  expired: number
  /** Changes of the source that were carried over. */
  events: number
  /** Changes known and not yet carried over. Not a sum. */
  behind: number
  /** Nodes compared. */
  compared: number
  /** Nodes that differed and are still looked at again. Not a sum. */
  left: number
}

export function newCounts(): Counts {
  return {
    ...{ read: 0, equal: 0, written: 0, removed: 0, advanced: 0 },
    ...{ expired: 0, events: 0, behind: 0, compared: 0, left: 0 },
  }
}

/** What a transfer says of itself. */
export interface Report {
  /** Called when a phase begins. */
  phase(phase: Phase): void
  /** One sentence for people; `code` tells machines which. */
  note(code: NoteCode, text: string): void
}

export type NoteCode =
  | 'hidden'
  | 'hidden-bound'
  | 'waiting'
  | 'resync'
  | 'caught-up'
  | 'quiet'
  | 'extras'
  | 'ttl-bound'
  | 'ttl-late'
  | 'refused'
  | 'differs'
