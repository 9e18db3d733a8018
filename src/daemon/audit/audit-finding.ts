/** What one look at one table found. */
import type { AuditDifference } from '../api.ts';

/** Something that is not as it should be. What is `foreign` is somebody else's, and never touched. */
export type Finding = Pick<AuditDifference, 'problem' | 'subject' | 'message'>;

/** A table, and what is wrong with it. */
export interface Inspection {
  /** How many entries were compared. */
  readonly entries: number;
  readonly findings: readonly Finding[];
}
