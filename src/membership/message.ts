/** Gossip messages as values. `codec.ts` and `exchange-codec.ts` turn them into bytes and back. */
import type { Announcement, MemberState } from './announcement.ts';

/** An announcement together with the very bytes that its node made; those are what is passed on and compared. */
export interface SealedAnnouncement {
  readonly announcement: Announcement;
  readonly bytes: Uint8Array;
  /** 32-bit hash of `bytes`: for digests, not for trust. */
  readonly fingerprint: number;
  /** Its gossip endpoint as text: a key to find the node by. */
  readonly endpointKey: string;
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
  /** How long ago `sealed` was made, in ms; 0 if its senders do not say. */
  readonly announcementAgeMs?: number;
  /** Who found the member silent, in a claim that it is suspect; absent if its sender does not say. */
  readonly accusers?: readonly string[];
  /** How many probe intervals more than others the member asks to be given, 0 to 8; absent: none. */
  readonly slowness?: number;
}

/** An order of an operator to the whole cluster. */
export interface Directive {
  /** What it is about, one word: `key/ID`, `key-primary`, `forget/IDENTITY`. There is one per subject. */
  readonly subject: string;
  /** Grows with each order: 1 to 2^32 - 2. */
  readonly version: number;
  readonly content: Uint8Array;
}

/** A directive on its way. */
export interface AgedDirective {
  readonly directive: Directive;
  /** How long ago it was issued, in whole seconds. */
  readonly ageSeconds: number;
}

/** A question about, or an answer of, the node `target`. */
export interface ProbeMessage {
  readonly sequence: number;
  /** An identity. */
  readonly target: string;
}

/** What a datagram asks or answers; `none` only spreads claims. */
export type DatagramBody =
  { readonly kind: 'none' } | ({ readonly kind: 'ping' | 'indirect-ping' | 'ack' | 'nack' } & ProbeMessage);

/** One datagram as received. */
export interface Datagram {
  readonly sender: string;
  readonly body: DatagramBody;
  readonly claims: readonly Claim[];
  readonly directives: readonly AgedDirective[];
  /** How pods of nodes changed: encoded, for the pod directory. */
  readonly podChanges: readonly Uint8Array[];
  /** What its sender holds of the rulebook: encoded. */
  readonly rulebookRumour?: Uint8Array;
}

/** What a node holds, in short. */
export interface Digest {
  /** 8 bytes per bucket; see `table-digest.ts`. */
  readonly buckets: Uint8Array;
  /** 8 bytes over all directives. */
  readonly directives: Uint8Array;
}

/** In what two nodes differ. */
export interface Difference {
  /** Indexes of the buckets. */
  readonly buckets: readonly number[];
  /** Of how many: a power of two. */
  readonly bucketCount: number;
  readonly directives: boolean;
}

/** Request or reply of one exchange. What is absent has a meaning: see `exchanges.ts`. */
export interface Exchange {
  readonly sender: string;
  readonly claims: readonly Claim[];
  readonly directives: readonly AgedDirective[];
  readonly digest?: Digest;
  readonly difference?: Difference;
  /** A probe over a stream, where datagrams do not get through. */
  readonly ping?: ProbeMessage;
  readonly ack?: ProbeMessage;
  /** A question for the pod directory, and its answer: encoded. */
  readonly podRequest?: Uint8Array;
  readonly podAnswer?: Uint8Array;
  /** A question for the rulebook, and its answer: encoded. */
  readonly rulebookRequest?: Uint8Array;
  readonly rulebookAnswer?: Uint8Array;
}
