/** What one look at one table found. */
import type { AuditDifference } from '../../api/control-api.ts';

/** Something that is not as it should be. What is `foreign` is somebody else's, and never touched. */
export interface Finding extends Pick<AuditDifference, 'problem' | 'subject' | 'message'> {
  /** Of what the kernel tells who changed it, where that is not the subject: the table that a set is in. */
  readonly changedIn?: string;
}

/** A table, and what is wrong with it. */
export interface Inspection {
  /** How many entries were compared. */
  readonly entries: number;
  readonly findings: readonly Finding[];
}
