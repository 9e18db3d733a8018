/** Membership by gossip (SWIM, 2002; Lifeguard, 2017): the one class that owns the parts and connects them. */
import { equalEndpoints, type Endpoint } from '../wire/address.ts';
import { AnnouncementCache } from './announcement-cache.ts';
import type { Announcement, Member } from './announcement.ts';
import { Claims } from './claims.ts';
import { Datagrams } from './datagrams.ts';
import { Directives } from './directives.ts';
import { Dissemination } from './dissemination.ts';
import { jitter } from './draw.ts';
import { Exchanges } from './exchanges.ts';
import { FailureDetector } from './failure-detector.ts';
import { GossipRounds } from './gossip-rounds.ts';
import { graceMs, Hearing } from './hearing.ts';
import { LocalHealth } from './local-health.ts';
import { LocalMember } from './local-member.ts';
import { isLive, MemberTable } from './member-table.ts';
import type { MembershipOptions } from './membership-options.ts';
import { DatagramTag } from './codec.ts';
import type { DatagramBody, Directive, ProbeMessage } from './message.ts';
import { Orders } from './orders.ts';
import { Outbox } from './outbox.ts';
import { defaultParameters, type Parameters } from './parameters.ts';
import { PushPull } from './push-pull.ts';
import { Refusals } from './refusals.ts';
import { statisticsOf, type MembershipStatistics } from './statistics.ts';
import { Suspicions } from './suspicion.ts';

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
  readonly #announcements: AnnouncementCache;
  readonly #local: LocalMember;
  readonly #health: LocalHealth;
  readonly #table: MemberTable;
  readonly #directives: Directives;
  readonly #claims: Claims;
  readonly #orders: Orders;
  readonly #exchanges: Exchanges;
  readonly #detector: FailureDetector;
  readonly #suspicions: Suspicions;
  readonly #hearing: Hearing;
  readonly #dissemination: Dissemination;
  readonly #outbox: Outbox;
  readonly #rounds: GossipRounds;
  readonly #pushPull: PushPull;
  readonly #datagrams: Datagrams;
  readonly #refusals: Refusals;
  #isRunning = false;
  #inputDepth = 0;

  /** @throws WeftError `announcement-invalid` */
  constructor(options: MembershipOptions) {
    const { clock, random, transport, logger, self, seeds } = options;
    this.#options = options;
    this.#parameters = { ...defaultParameters, ...options.parameters };
    this.#network = self.network;
    this.#announcements = options.announcementCache ?? new AnnouncementCache();
    this.#local = new LocalMember(self, options.incarnation ?? 1, this.#parameters);
    this.#health = new LocalHealth(clock);
    this.#table = new MemberTable(self.identity, this.#parameters);
    this.#table.setSelf(this.#local.claim(), clock.nowMs());
    this.#directives = new Directives(clock, options.directives);
    this.#refusals = new Refusals(clock, logger);
    this.#dissemination = new Dissemination(this.#parameters);
    const parts = {
      self: self.identity,
      network: self.network,
      clock,
      random,
      logger,
      transport,
      parameters: this.#parameters,
      announcements: this.#announcements,
      local: this.#local,
      health: this.#health,
      table: this.#table,
      directives: this.#directives,
      refusals: this.#refusals,
      dissemination: this.#dissemination,
      pods: options.pods,
      rulebook: options.rulebook,
    };
    this.#outbox = new Outbox({ ...parts, onTooLong: (to) => this.#pushPull.introduce(to) });
    this.#rounds = new GossipRounds({ ...parts, send: (to) => this.#send(to, { kind: 'none' }) });
    this.#suspicions = new Suspicions({
      ...parts,
      clusterSize: () => this.#table.clusterSize(),
      graceMs: (identity) => graceMs(this.#parameters, this.#table.get(identity), this.#health),
      onExpired: (identity, incarnation) => this.#declare(identity, incarnation, 'dead'),
    });
    this.#claims = new Claims({
      ...parts,
      suspicions: this.#suspicions,
      onState: (record) => {
        this.#rounds.follow(record);
        if (isLive(record.state)) this.#detector.watch(record.announcement.identity);
        if (record.state === 'suspect') this.#hearing.open(record);
      },
      onNews: () => this.#rounds.soon(),
    });
    this.#orders = new Orders({
      ...parts,
      claims: this.#claims,
      onNews: () => this.#rounds.soon(),
      onDirective: (directive) => options.onDirective?.(directive),
    });
    this.#exchanges = new Exchanges({
      ...parts,
      claims: this.#claims,
      orders: this.#orders,
    });
    this.#detector = new FailureDetector({
      ...parts,
      send: (to, body) => this.#send(to, body),
      sendOnStream: (to, ping, onOutcome) => this.#sendOnStream(to, ping, onOutcome),
      onSilent: (identity, incarnation) => this.#declare(identity, incarnation, 'suspect'),
    });
    this.#hearing = new Hearing({
      ...parts,
      suspicions: this.#suspicions,
      detector: this.#detector,
      outbox: this.#outbox,
    });
    this.#pushPull = new PushPull({
      ...parts,
      seeds,
      ownEndpoint: () => this.#local.announcement.gossipEndpoint,
      request: () => this.#exchanges.request(),
      onReply: (from, reply) => this.#ifRunning(() => this.#exchanges.takeReply(from, reply)),
      onLastReply: (from, reply) => this.#ifRunning(() => this.#exchanges.takeLastReply(from, reply)),
    });
    this.#datagrams = new Datagrams({
      ...parts,
      outbox: this.#outbox,
      claims: this.#claims,
      orders: this.#orders,
      detector: this.#detector,
      pushPull: this.#pushPull,
    });
    for (const claim of options.known ?? []) this.#claims.recall(claim);
    this.#table.takeChanges();
  }

  /** Joins through the seeds, for as long as it takes, and takes part from now on. */
  start(): void {
    this.#isRunning = true;
    const { probeIntervalMs, redialIntervalMs, firstPushPullMs } = this.#parameters;
    this.#every(
      probeIntervalMs,
      () => this.#detector.intervalMs(),
      () => this.#detector.round(),
    );
    this.#every(
      redialIntervalMs,
      () => redialIntervalMs,
      () => {
        this.#pushPull.redial();
        // So much changed at once that datagrams do not keep up: a stream carries all of it.
        if (this.#dissemination.isCongested(this.#options.clock.nowMs())) this.#pushPull.exchangeWithAnyone();
      },
    );
    this.#every(
      firstPushPullMs,
      () => this.#pushPull.intervalMs(),
      () => {
        this.#table.forgetExpired(this.#options.clock.nowMs());
        this.#directives.expire();
        this.#claims.recover();
        this.#pushPull.exchangeWithAnyone();
      },
    );
    this.#pushPull.join();
  }

  /** Does nothing any more, at once and without a word. Inputs are ignored. */
  stop(): void {
    this.#isRunning = false;
    this.#rounds.stop();
    this.#pushPull.stop();
  }

  /** Tells others that this node goes on purpose. To be followed by {@link stop}, some gossip intervals later. */
  leave(): void {
    this.#input(() => {
      this.#local.leave();
      this.#publishSelf();
    });
  }

  /** Other seeds from now on. They are dialled at once if any differs. */
  setSeeds(seeds: readonly Endpoint[]): void {
    if (this.#pushPull.setSeeds(seeds) && this.#isRunning) this.#pushPull.rejoin();
  }

  /**
   * Announces something else from now on, under a higher incarnation.
   *
   * @throws RangeError if identity or network would change: those are for good
   * @throws WeftError `announcement-invalid`, and then nothing has changed
   */
  announce(change: Partial<Announcement>): void {
    const before = this.#local.announcement;
    const announcement = { ...before, ...change };
    if (announcement.identity !== before.identity) throw new RangeError('identity cannot change');
    if (announcement.network !== this.#network) throw new RangeError('network cannot change');
    this.#input(() => {
      this.#local.announce(announcement);
      this.#publishSelf();
      const hasMoved = !equalEndpoints(announcement.gossipEndpoint, before.gossipEndpoint);
      if (hasMoved && this.#isRunning) this.#pushPull.moved(before.gossipEndpoint);
    });
  }

  /** Orders of operators that hold, in no order. */
  directives(): readonly Directive[] {
    return this.#directives.all();
  }

  /**
   * Gives an order to the whole cluster, in the place of what is known about `subject`.
   *
   * @throws WeftError `directive-invalid`, `directives-full`
   */
  issue(subject: string, content: Uint8Array): void {
    this.#input(() => this.#orders.issue(subject, content));
  }

  /** Drops orders here, without a word to others: those that came from where one should not have listened. */
  retainDirectives(isKept: (directive: Directive) => boolean): void {
    this.#directives.retain(isKept);
  }

  /**
   * Orders the cluster to forget a member that is dead or left, by identity or name: nobody looks for it any more. If it
   * comes back all the same it is a member again.
   *
   * @returns who is forgotten; several if several bore the name
   * @throws WeftError `peer-unknown`, `peer-alive`
   */
  forget(identityOrName: string): readonly Member[] {
    return this.#input(() => this.#orders.forget(identityOrName));
  }

  /** Passes on how the pods of a node changed, in the place of what it said of them before. At most MAX_POD_CHANGE_BYTES. */
  spreadPods(identity: string, change: Uint8Array): void {
    const news = { about: `pods/${identity}`, tag: DatagramTag.podChange, bytes: change, announcedMs: undefined };
    this.#input(() => {
      this.#dissemination.enqueue(news, this.#options.clock.nowMs());
      this.#rounds.soon();
    });
  }

  /** Asks the node at `to` for pods. `onAnswer` gets the answer, or `undefined`: there was none. Not once it has stopped. */
  askForPods(to: Endpoint, request: Uint8Array, onAnswer: (answer: Uint8Array | undefined) => void): void {
    this.#options.transport.exchange(to, this.#exchanges.podRequest(request), (reply) => {
      this.#ifRunning(() => onAnswer(reply && this.#exchanges.takePodReply(to, reply)));
    });
  }

  /** Tells others what this node holds of the rulebook, in the place of what it told before. At most MAX_RULEBOOK_RUMOUR_BYTES. */
  spreadRulebook(rumour: Uint8Array): void {
    const news = { about: 'rulebook', tag: DatagramTag.rulebookRumour, bytes: rumour, announcedMs: undefined };
    this.#input(() => {
      this.#dissemination.enqueue(news, this.#options.clock.nowMs());
      this.#rounds.soon();
    });
  }

  /** Asks the node at `to` for the rulebook; as {@link askForPods}. */
  askForRulebook(to: Endpoint, request: Uint8Array, onAnswer: (answer: Uint8Array | undefined) => void): void {
    this.#options.transport.exchange(to, this.#exchanges.rulebookRequest(request), (reply) => {
      this.#ifRunning(() => onAnswer(reply && this.#exchanges.takeRulebookReply(to, reply)));
    });
  }

  /** Members that are alive or suspect, without this node, in no order. Changes under the eyes of its reader. */
  liveOthers(): readonly Member[] {
    return this.#table.liveOthers();
  }

  /** Takes a datagram that came from `from`. Nothing of `bytes` is kept. */
  handleDatagram(from: Endpoint, bytes: Uint8Array): void {
    this.#ifRunning(() => this.#datagrams.take(from, bytes));
  }

  /** Takes the request of an exchange and gives the reply; `undefined` if it was refused. Nothing of `bytes` is kept. */
  handleExchange(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
    return this.#ifRunning(() => this.#exchanges.answer(from, bytes));
  }

  /** Where the member with this identity says that it is reached; `undefined`: nobody knows it. */
  endpointOf(identity: string): Endpoint | undefined {
    return this.#table.get(identity)?.announcement.gossipEndpoint;
  }

  /** All members, this node included, ordered by identity. The same array until something changes; made when asked for. */
  members(): readonly Member[] {
    return this.#table.members();
  }

  /** The member of an identity. */
  member(identity: string): Member | undefined {
    return this.#table.get(identity);
  }

  /** Messages that were refused since the start, by reason; every reason is a key. */
  refused(): Record<string, number> {
    return this.#refusals.counts();
  }

  /** What it did since its start, and how it is. */
  statistics(): MembershipStatistics {
    return statisticsOf({
      dissemination: this.#dissemination,
      health: this.#health,
      suspicions: this.#suspicions,
      claims: this.#claims,
      detector: this.#detector,
      pushPull: this.#pushPull,
      outbox: this.#outbox,
      directives: this.#directives,
    });
  }

  /** Gossip endpoint of another process that bears this node's identity and has prevailed; see {@link LocalMember}. */
  contestedBy(): Endpoint | undefined {
    return this.#local.contestedBy;
  }

  #ifRunning<T>(action: () => T): T | undefined {
    return this.#isRunning ? this.#input(action) : undefined;
  }

  /** Runs `action` and reports what it changed. */
  #input<T>(action: () => T): T {
    this.#inputDepth++;
    try {
      return action();
    } finally {
      this.#inputDepth--;
      if (this.#inputDepth === 0) this.#report();
    }
  }

  #report(): void {
    const changes = this.#table.takeChanges();
    if (changes.length > 0) this.#options.onChange(changes);
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

  #send(to: Endpoint, body: DatagramBody): void {
    if (!this.#isRunning) return;
    const isAsked = body.kind === 'ping' && this.#table.get(body.target)?.state === 'suspect';
    this.#outbox.send(to, body, isAsked ? [body.target] : []);
  }

  #sendOnStream(to: Endpoint, ping: ProbeMessage, onOutcome: (isAnswered: boolean) => void): void {
    this.#options.transport.exchange(to, this.#exchanges.ping(ping), (reply) => {
      this.#ifRunning(() => onOutcome(reply !== undefined && this.#exchanges.takePong(to, reply, ping.target)));
    });
  }

  /** Passes on at once, to some more than in other rounds, what this node says of itself. */
  #publishSelf(): void {
    this.#claims.publishSelf();
    this.#rounds.now(this.#parameters.leaveFanout);
  }

  #declare(identity: string, incarnation: number, state: 'suspect' | 'dead'): void {
    this.#ifRunning(() => this.#claims.declare(identity, incarnation, state));
  }
}
