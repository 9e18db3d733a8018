/** What a membership needs from outside. */
import type { Clock } from '../env/clock.ts';
import type { Logger } from '../env/logger.ts';
import type { Random } from '../env/random.ts';
import type { GossipTransport } from '../env/transport.ts';
import type { Endpoint } from '../wire/address.ts';
import type { AnnouncementCache } from './announcement-cache.ts';
import type { Announcement, MemberChange } from './announcement.ts';
import type { Claim, Directive } from './message.ts';
import type { Parameters } from './parameters.ts';
import type { PodGossip } from './pod-gossip.ts';
import type { RulebookGossip } from './rulebook-gossip.ts';

/** What a membership is given. */
export interface MembershipOptions {
  /** What this node announces at first. Its `network` is the one whose messages are accepted. */
  readonly self: Announcement;
  /** Incarnation to begin with; 1 unless said otherwise. A node that returns learns from others what it must exceed. */
  readonly incarnation?: number;
  readonly seeds: readonly Endpoint[];
  /** What is known of others from before. Held true until it is found to be otherwise, and not passed on as news. */
  readonly known?: readonly Claim[];
  /** What an earlier run knew of them. */
  readonly directives?: readonly Directive[];
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: GossipTransport;
  readonly logger: Logger;
  readonly parameters?: Partial<Parameters>;
  /** One for several memberships of one process, which then share what they parsed. */
  readonly announcementCache?: AnnouncementCache;
  /** Whose messages ride on gossip. Without it they are ignored, and its questions refused. */
  readonly pods?: PodGossip;
  /** The same for the rulebook. */
  readonly rulebook?: RulebookGossip;
  /**
   * Called with what changed, this node included: at most once per input, after it was taken, and only if something did.
   * What holds now is `Membership.members`.
   */
  readonly onChange: (changes: readonly MemberChange[]) => void;
  /** Called for each directive that was not known, own ones included, while the input that brought it is taken. */
  readonly onDirective?: (directive: Directive) => void;
}
