/** Gossip messages as values. `codec.ts` turns them into bytes and back. */
import type { Announcement, MemberState } from './announcement.ts';

/** An announcement together with the very bytes that its node made; those are what is passed on and compared. */
export interface SealedAnnouncement {
  readonly announcement: Announcement;
  readonly bytes: Uint8Array;
}

/** What the sender holds true of one member. */
export interface Claim {
  readonly identity: string;
  readonly incarnation: number;
  readonly state: MemberState;
  /** Absent where the receiver is expected to know it. */
  readonly sealed: SealedAnnouncement | undefined;
  /** Incarnation in which `sealed` was made. At most `incarnation`; equal to it if `sealed` is absent. */
  readonly announcedAt: number;
  /** How long ago `state` was entered, in whole seconds. */
  readonly ageSeconds: number;
}

/** What a datagram asks or answers; `none` only spreads claims. Targets are identities. */
export type DatagramBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'ping'; readonly sequence: number; readonly target: string }
  | { readonly kind: 'indirect-ping'; readonly sequence: number; readonly target: string }
  | { readonly kind: 'ack'; readonly sequence: number; readonly target: string };

/** One datagram as received. */
export interface Datagram {
  readonly sender: string;
  readonly body: DatagramBody;
  readonly claims: readonly Claim[];
}

/** Request or reply of one exchange of full state. */
export interface Exchange {
  readonly sender: string;
  readonly claims: readonly Claim[];
}
