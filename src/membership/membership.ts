/** Membership by gossip (SWIM, 2002): the one class that owns the parts and connects them. */
import type { Clock } from '../env/clock.ts';
import type { Logger } from '../env/logger.ts';
import type { Random } from '../env/random.ts';
import type { GossipTransport } from '../env/transport.ts';
import type { Endpoint } from '../wire/address.ts';
import type { Announcement, Member } from './announcement.ts';
import { appendClaims, encodeClaim, encodeDatagram, encodeExchange, parseDatagram, parseExchange } from './codec.ts';
import { Dissemination } from './dissemination.ts';
import { drawSome, jitter } from './draw.ts';
import { FailureDetector } from './failure-detector.ts';
import { MAX_INCARNATION_JUMP, MAX_SENT_DATAGRAM_BYTES } from './limits.ts';
import { LocalMember } from './local-member.ts';
import { claimOf, isLive, MemberTable, supersedes } from './member-table.ts';
import type { Claim, DatagramBody } from './message.ts';
import { defaultParameters, type Parameters } from './parameters.ts';
import { PushPull, pushPullIntervalMs } from './push-pull.ts';
import { Refusals, type RefusalReason } from './refusals.ts';
import { Suspicions } from './suspicion.ts';

/** What a membership is given. */
export interface MembershipOptions {
  /** What this node announces at first. Its `network` is the one whose messages are accepted. */
  readonly self: Announcement;
  /** Incarnation to begin with; 1 unless said otherwise. A node that returns learns from others what it must exceed. */
  readonly incarnation?: number;
  readonly seeds: readonly Endpoint[];
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: GossipTransport;
  readonly logger: Logger;
  readonly parameters?: Partial<Parameters>;
  /**
   * Called with all members, this node included, ordered by identity: at most once per input, after it was taken, and
   * only if something changed.
   */
  readonly onChange: (members: readonly Member[]) => void;
}

/**
 * One node's view of the cluster. Driven by its input methods and by the clock only; synchronous throughout.
 *
 *     new --start--> running --leave--> leaving --stop--> stopped
 *                       +---------------stop----------------^
 *
 * Whoever stops without leaving is declared dead by the others. Not to be started again: make a new one.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #parameters: Parameters;
  readonly #network: string;
  readonly #local: LocalMember;
  readonly #table: MemberTable;
  readonly #detector: FailureDetector;
  readonly #suspicions: Suspicions;
  readonly #dissemination: Dissemination;
  readonly #pushPull: PushPull;
  readonly #refusals: Refusals;
  #isRunning = false;
  #inputDepth = 0;
  #reportedVersion: number;

  /** @throws WeftError `announcement-invalid` */
  constructor(options: MembershipOptions) {
    const { clock, random, transport, logger, self, seeds } = options;
    this.#options = options;
    this.#parameters = { ...defaultParameters, ...options.parameters };
    this.#network = self.network;
    this.#local = new LocalMember(self, options.incarnation ?? 1, this.#parameters);
    this.#table = new MemberTable(self.identity, this.#parameters);
    this.#table.setSelf(this.#local.claim(), clock.nowMs());
    this.#reportedVersion = this.#table.version;
    this.#refusals = new Refusals(clock, logger);
    this.#dissemination = new Dissemination(this.#parameters);
    this.#suspicions = new Suspicions(clock, this.#parameters, (identity, incarnation) =>
      this.#declare(identity, incarnation, 'dead'),
    );
    this.#detector = new FailureDetector({
      self: self.identity,
      clock,
      random,
      parameters: this.#parameters,
      table: this.#table,
      send: (to, body) => this.#send(to, body),
      onFailed: (identity, incarnation) => this.#declare(identity, incarnation, 'suspect'),
    });
    this.#pushPull = new PushPull({
      clock,
      random,
      parameters: this.#parameters,
      table: this.#table,
      transport,
      seeds,
      ownEndpoint: () => this.#local.announcement.gossipEndpoint,
      request: () => this.#encodeState(),
      onReply: (from, reply) => this.#input(() => this.#takeExchange(from, reply)),
    });
  }

  /** Joins through the seeds, for as long as it takes, and takes part from now on. */
  start(): void {
    this.#isRunning = true;
    const { probeIntervalMs, gossipIntervalMs, redialIntervalMs, firstPushPullMs } = this.#parameters;
    this.#every(
      probeIntervalMs,
      () => probeIntervalMs,
      () => this.#detector.round(),
    );
    this.#every(
      gossipIntervalMs,
      () => gossipIntervalMs,
      () => this.#gossip(),
    );
    this.#every(
      redialIntervalMs,
      () => redialIntervalMs,
      () => this.#pushPull.redial(),
    );
    this.#every(
      firstPushPullMs,
      () => pushPullIntervalMs(this.#parameters, this.#table.clusterSize()),
      () => {
        this.#table.forgetExpired(this.#options.clock.nowMs());
        this.#pushPull.exchangeWithAnyone();
      },
    );
    this.#pushPull.join();
  }

  /** Does nothing any more, at once and without a word. Inputs are ignored. */
  stop(): void {
    this.#isRunning = false;
    this.#pushPull.stop();
  }

  /** Tells others that this node goes on purpose. To be followed by {@link stop}, some gossip intervals later. */
  leave(): void {
    this.#input(() => {
      this.#local.leave();
      this.#publishSelf();
      for (const { announcement } of this.#drawOthers(this.#parameters.leaveFanout)) {
        this.#send(announcement.gossipEndpoint, { kind: 'none' });
      }
    });
  }

  /** Other seeds from now on. They are dialled at once if any differs. */
  setSeeds(seeds: readonly Endpoint[]): void {
    if (this.#pushPull.setSeeds(seeds) && this.#isRunning) this.#pushPull.join();
  }

  /**
   * Announces something else from now on, under a higher incarnation.
   *
   * @throws RangeError if identity or network would change: those are for good
   * @throws WeftError `announcement-invalid`, and then nothing has changed
   */
  announce(change: Partial<Announcement>): void {
    const announcement = { ...this.#local.announcement, ...change };
    if (announcement.identity !== this.#local.announcement.identity) throw new RangeError('identity cannot change');
    if (announcement.network !== this.#network) throw new RangeError('network cannot change');
    this.#input(() => {
      this.#local.announce(announcement);
      this.#publishSelf();
    });
  }

  /** Takes a datagram that came from `from`. Nothing of `bytes` is kept. */
  handleDatagram(from: Endpoint, bytes: Uint8Array): void {
    if (!this.#isRunning) return;
    this.#input(() => {
      const datagram = parseDatagram(bytes, this.#network);
      if (typeof datagram === 'string') return this.#refusals.count(datagram, from);
      if (datagram.sender === this.#local.announcement.identity) return this.#refusals.count('sender-self', from);
      for (const claim of datagram.claims) this.#takeClaim(from, claim);
      const refusal = this.#detector.handle(from, datagram.body);
      if (refusal !== undefined) this.#refusals.count(refusal, from);
      const sender = this.#table.get(datagram.sender);
      if (sender === undefined || sender.state === 'dead') this.#pushPull.introduce(from);
    });
  }

  /** Takes the request of an exchange and gives the reply; `undefined` if it was refused. Nothing of `bytes` is kept. */
  handleExchange(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
    if (!this.#isRunning) return undefined;
    let accepted = false;
    this.#input(() => {
      accepted = this.#takeExchange(from, bytes);
    });
    return accepted ? this.#encodeState() : undefined;
  }

  /** All members, this node included, ordered by identity. The same array until something changes. */
  members(): readonly Member[] {
    return this.#table.members();
  }

  /** Messages that were refused since the start, by reason; every reason is a key. */
  refused(): Record<string, number> {
    return this.#refusals.counts();
  }

  /** Gossip endpoint of another process that bears this node's identity and has prevailed; see {@link LocalMember}. */
  contestedBy(): Endpoint | undefined {
    return this.#local.contestedBy;
  }

  /** Runs `action` and reports what it changed. */
  #input(action: () => void): void {
    this.#inputDepth++;
    try {
      action();
    } finally {
      this.#inputDepth--;
    }
    if (this.#inputDepth > 0 || this.#table.version === this.#reportedVersion) return;
    this.#reportedVersion = this.#table.version;
    this.#options.onChange(this.#table.members());
  }

  /** Runs `action` periodically until the stop, for the first time after a random part of `withinMs`. */
  #every(withinMs: number, intervalMs: () => number, action: () => void): void {
    const { clock, random } = this.#options;
    const repeat = (): void => {
      if (!this.#isRunning) return;
      this.#input(action);
      clock.after(jitter(random, intervalMs()), repeat);
    };
    clock.after((withinMs * random.uint32()) / 0x1_0000_0000, repeat);
  }

  /** Sends news that waits, without being asked. */
  #gossip(): void {
    if (this.#dissemination.length === 0) return;
    for (const { announcement } of this.#drawOthers(this.#parameters.gossipFanout)) {
      if (this.#dissemination.length === 0) return;
      this.#send(announcement.gossipEndpoint, { kind: 'none' });
    }
  }

  #drawOthers(count: number): readonly Member[] {
    return drawSome(this.#options.random, this.#table.liveOthers(), count);
  }

  /** Sends a datagram, filled up with news. */
  #send(to: Endpoint, body: DatagramBody): void {
    if (!this.#isRunning) return;
    const head = encodeDatagram(this.#network, this.#local.announcement.identity, body);
    const news = this.#dissemination.take(MAX_SENT_DATAGRAM_BYTES - head.length, this.#table.clusterSize());
    this.#options.transport.sendDatagram(to, appendClaims(head, news));
  }

  #encodeState(): Uint8Array {
    const claims = this.#table.claims(this.#options.clock.nowMs());
    return encodeExchange(this.#network, this.#local.announcement.identity, claims);
  }

  #takeExchange(from: Endpoint, bytes: Uint8Array): boolean {
    if (!this.#isRunning) return false;
    const exchange = parseExchange(bytes, this.#network);
    const refusal =
      typeof exchange === 'string'
        ? exchange
        : exchange.sender === this.#local.announcement.identity
          ? 'sender-self'
          : undefined;
    if (refusal !== undefined) {
      this.#refusals.count(refusal, from);
      return false;
    }
    for (const claim of (exchange as Exclude<typeof exchange, RefusalReason>).claims) {
      this.#takeClaim(from, this.#softened(claim));
    }
    return true;
  }

  /**
   * Somebody else's dead member that is live here is only suspected, as in memberlist: when a partition heals, those on
   * the other side get their chance to refute before their routes go.
   */
  #softened(claim: Claim): Claim {
    const known = this.#table.get(claim.identity);
    const isNewsOfDeath = claim.state === 'dead' && known !== undefined && isLive(known.state);
    const isOfSelf = claim.identity === this.#local.announcement.identity;
    return isNewsOfDeath && !isOfSelf ? { ...claim, state: 'suspect', ageSeconds: 0 } : claim;
  }

  #takeClaim(from: Endpoint, claim: Claim): void {
    const known = this.#table.get(claim.identity);
    if (known !== undefined && claim.incarnation > known.incarnation + MAX_INCARNATION_JUMP) {
      return this.#refusals.count('incarnation-jump', from);
    }
    if (claim.identity === this.#local.announcement.identity) return this.#contest(claim);
    const { clock } = this.#options;
    const outcome = this.#table.apply(claim, clock.nowMs());
    if (outcome === 'full') return this.#refusals.count('members-full', from);
    if (outcome === 'changed') this.#spread(claim.identity, known);
  }

  /** Another claims something of this node. */
  #contest(claim: Claim): void {
    const { clock, logger } = this.#options;
    const wasContested = this.#local.contestedBy !== undefined;
    const outcome = this.#local.contest(claim, clock.nowMs());
    if (outcome === 'agrees') return;
    if (outcome === 'outbid') {
      logger.debug({ state: claim.state, incarnation: claim.incarnation }, 'claim about this node refuted');
      this.#publishSelf();
    } else if (!wasContested) {
      logger.error({ identity: claim.identity }, 'another process bears the identity of this node and has prevailed');
    }
  }

  #publishSelf(): void {
    const claim = this.#local.claim();
    this.#table.setSelf(claim, this.#options.clock.nowMs());
    this.#dissemination.enqueue(claim.identity, encodeClaim(claim), true);
  }

  /** This node itself found a member suspect or dead; `incarnation` says whether that is still news. */
  #declare(identity: string, incarnation: number, state: 'suspect' | 'dead'): void {
    this.#input(() => {
      const known = this.#table.get(identity);
      if (known === undefined || known.incarnation !== incarnation) return;
      if (!this.#isRunning || !supersedes({ incarnation, state }, known)) return;
      const claim: Claim = { identity, incarnation, state, sealed: undefined, announcedAt: incarnation, ageSeconds: 0 };
      this.#table.apply(claim, this.#options.clock.nowMs());
      this.#spread(identity, known);
    });
  }

  /** A member changed: passes that on, logs it, and begins a suspicion if it is one. */
  #spread(identity: string, before: Member | undefined): void {
    const { clock, logger } = this.#options;
    const record = this.#table.get(identity)!;
    const { announcement, state, incarnation } = record;
    const isNewAnnouncement = before?.announcement !== announcement;
    const carriesAnnouncement =
      state === 'alive' || isNewAnnouncement || this.#dissemination.holdsAnnouncement(identity);
    const claim = claimOf(record, clock.nowMs());
    const bytes = encodeClaim(carriesAnnouncement ? claim : { ...claim, sealed: undefined, announcedAt: incarnation });
    this.#dissemination.enqueue(identity, bytes, carriesAnnouncement);
    if (state === 'suspect') this.#suspicions.begin(identity, incarnation, this.#table.clusterSize());
    if (before?.state !== state) {
      const fields = { member: announcement.name, identity, state, before: before?.state, incarnation };
      logger.info(fields, 'member changed state');
    }
  }
}
