/** What tests need of version 0.1.0; see `membership.js`. */
import type { Endpoint } from '../../../src/wire/address.ts';
import type { Announcement, Member } from '../../../src/membership/announcement.ts';
import type { MembershipOptions } from '../../../src/membership/membership-options.ts';

/** That version knows no more of an announcement. */
export type Announcement010 = Omit<Announcement, 'keyIds' | 'pathReports'>;

export interface Member010 extends Omit<Member, 'announcement' | 'announcedMs'> {
  readonly announcement: Announcement010;
}

export interface MembershipOptions010 extends Pick<
  MembershipOptions,
  'incarnation' | 'seeds' | 'clock' | 'random' | 'transport' | 'logger'
> {
  readonly self: Announcement010;
  readonly onChange: (members: readonly Member010[]) => void;
}

export class Membership {
  constructor(options: MembershipOptions010);
  start(): void;
  stop(): void;
  leave(): void;
  announce(change: Partial<Announcement010>): void;
  handleDatagram(from: Endpoint, bytes: Uint8Array): void;
  handleExchange(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined;
  members(): readonly Member010[];
  refused(): Record<string, number>;
}

/** A message as values, or the reason why it is refused. */
export function parseDatagram(bytes: Uint8Array, network: string): object | string;
export function parseExchange(bytes: Uint8Array, network: string): object | string;
