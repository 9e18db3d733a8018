/** What a node keeps of each member: what it knows of it, and what it passes on. */
import type { Member } from './announcement.ts';
import type { SealedAnnouncement } from './message.ts';

/** A member with what is needed to pass it on. */
export interface MemberRecord extends Member {
  readonly sealed: SealedAnnouncement;
  /** Incarnation in which the announcement was made; older than `incarnation` if only bad news came since. */
  readonly announcedAt: number;
  /** How many probe intervals more than others it asks to be given. */
  readonly slowness: number;
}
