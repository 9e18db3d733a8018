/**
 * Has this node answer, on its links, for the addresses of load balancers that are its own to answer for: all nodes come to the same by what
 * members announce.
 *
 *     not ready ──services, members and links are known──> each change of one of them: elected anew ──> taken, announced; or given up
 *
 * Chosen: the addresses on no interface, and answers of our own. Instead of: addresses of the underlay's interface. Because: programs of the node
 * would take them for its own, the choice of the underlay and the API of Kubernetes among them.
 */
import type { Notice } from '../../api/control-api.ts';
import type { ContestedAddress } from '../../doctor/facts.ts';
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import { WeftError } from '../../errors.ts';
import type { ListedLink } from '../../linux/link.ts';
import type { Member } from '../../membership/announcement.ts';
import type { AddressPool } from '../../services/address-pool.ts';
import { AnnouncerChoices, RESTART_GRACE_MS } from '../../services/announcer-choices.ts';
import type { BalancedAddress } from '../../services/balanced-addresses.ts';
import { formatIpAddress, formatMacAddress, type IpAddress } from '../../wire/address.ts';
import { formatPrefix, type Prefix, prefixContains } from '../../wire/prefix.ts';
import type { EventSink } from '../process/event-log.ts';
import { AnnouncingLink, type Contest, type PoolLink } from './announcing-link.ts';
import { announcedPrefixes, poolLinks } from './pool-links.ts';

export interface BalancerAnnouncementsOptions {
  readonly pools: readonly AddressPool[];
  readonly identity: string;
  /** This node among them. */
  readonly members: () => readonly Member[];
  readonly addresses: () => ReadonlyMap<string, BalancedAddress>;
  /** Whether services, pods and members are known, as far as anybody can tell. */
  readonly isReady: () => boolean;
  readonly listLinks: () => Promise<readonly ListedLink[]>;
  /** As this node announces its links since the start. */
  readonly announced: readonly Prefix[];
  /** @throws WeftError `announcement-invalid` */
  readonly announceLinks: (prefixes: readonly Prefix[]) => void;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly logger: Logger;
}

/** How often those who ask are answered, in ms: they wait for a second. */
const SERVE_MS = 20;

/** How often it is looked which links there are, in ms. */
const LOOK_MS = 10_000;

/** How soon after a change it is elected anew, in ms: many come at one time. */
const ELECT_MS = 50;

/** How often it is looked whether it can begin, in ms. */
const READY_MS = 200;

/** When a node that begins to answer tells the link so, in ms from then: a frame may be lost. */
const announceAtMs = [0, 250, 1_000, 3_000];

/** How often others are asked whether they have one of the addresses, each of them, in ms. */
const PROBE_ROUND_MS = 30_000;
const PROBE_MS = 1_000;

/** While a node takes an address over, both may answer for it. What is contested after so long, in ms, is so by a stranger. */
const CONTEST_MS = 3_000;

/** How long after it was said for the last time it is taken for true, in ms. */
const CONTEST_MEMORY_MS = 3 * PROBE_ROUND_MS;

/** Somebody else says that it has an address for which this node answers. */
type Contested = Omit<ContestedAddress, 'node'>;

interface KnownContest extends Contested {
  readonly firstMs: number;
  lastMs: number;
}

interface Taken {
  readonly address: IpAddress;
  readonly link: AnnouncingLink;
}

export class BalancerAnnouncements {
  readonly #options: BalancerAnnouncementsOptions;
  readonly #choices = new AnnouncerChoices();
  readonly #taken = new Map<string, Taken>();
  readonly #contests = new Map<string, KnownContest>();
  #links: readonly AnnouncingLink[] = [];
  /** As they were announced. */
  #announced: string;
  #problem = '';
  #isStopped = false;
  #isElecting = false;
  #isServing = false;
  #isReady = false;
  #probeAt = 0;

  constructor(options: BalancerAnnouncementsOptions) {
    this.#options = options;
    this.#announced = wordsOf(options.announced);
  }

  /** Begins as soon as it can. */
  start(): void {
    const { clock, isReady } = this.#options;
    const begin = (): void => {
      if (this.#isStopped) return;
      if (!isReady()) return clock.after(READY_MS, begin);
      this.#isReady = true;
      void this.#look();
      clock.after(PROBE_MS, () => this.#probe());
    };
    begin();
  }

  /** To be called whenever something may be another than before: services, backends, members. */
  update(): void {
    if (this.#isElecting || this.#isStopped) return;
    this.#isElecting = true;
    this.#options.clock.after(ELECT_MS, () => {
      this.#isElecting = false;
      if (!this.#isStopped && this.#isReady) this.#elect();
    });
  }

  /** Name of the node that answers for it; `undefined`: none does, or it is not known. @param address as text */
  announcer(address: string): string | undefined {
    return this.#isReady ? this.#choices.at(address)?.name : undefined;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** What others say that they have, too, for a while now. */
  contested(): readonly Contested[] {
    return [...this.#contests.values()].filter(({ firstMs, lastMs }) => lastMs - firstMs >= CONTEST_MS);
  }

  notices(): readonly Notice[] {
    if (this.#problem === '') return [];
    const message = `this node answers for no addresses of load balancers: ${this.#problem}`;
    return [{ code: 'balancer-links-unavailable', message }];
  }

  /** Answers for none any more, and tells nobody: another daemon may go on. */
  stop(): void {
    this.#isStopped = true;
    for (const link of this.#links) link.close();
    this.#links = [];
    this.#taken.clear();
  }

  /** Which links there are now, and again later. */
  async #look(): Promise<void> {
    const { listLinks, pools, clock } = this.#options;
    const problems: unknown[] = [];
    try {
      const found = poolLinks(await listLinks(), pools);
      if (this.#isStopped) return;
      this.#follow(found, (error) => problems.push(error));
    } catch (error) {
      problems.push(error);
    }
    if (problems.length === 0) this.#problem = '';
    else this.#fail(problems[0]);
    clock.after(LOOK_MS, () => {
      if (!this.#isStopped) void this.#look();
    });
  }

  #follow(found: readonly PoolLink[], onProblem: (error: unknown) => void): void {
    const { pools, announceLinks } = this.#options;
    const before = new Map(this.#links.map((link) => [keyOf(link.link), link]));
    const now: AnnouncingLink[] = [];
    for (const link of found) {
      try {
        now.push(before.get(keyOf(link)) ?? new AnnouncingLink(link, pools));
      } catch (error) {
        onProblem(error);
      }
    }
    const gone = this.#links.filter((link) => !now.includes(link));
    this.#links = now;
    for (const link of gone) this.#lose(link);
    const prefixes = announcedPrefixes(now.map(({ link }) => link));
    const words = wordsOf(prefixes);
    if (words !== this.#announced) announceLinks(prefixes);
    this.#announced = words;
    this.#elect();
  }

  #lose(link: AnnouncingLink): void {
    for (const [text, taken] of this.#taken) if (taken.link === link) this.#taken.delete(text);
    link.close();
  }

  #elect(): void {
    const { addresses, members, identity, clock } = this.#options;
    const wanted = addresses();
    const all = members();
    const chosen = this.#choices.update(wanted, all, clock.nowMs());
    const left = all.filter(({ state, sinceMs }) => state === 'left' && clock.nowMs() - sinceMs < RESTART_GRACE_MS);
    if (left.length > 0) clock.after(RESTART_GRACE_MS, () => this.update());
    for (const [text, taken] of this.#taken)
      if (chosen.get(text)?.identity !== identity) this.#giveUp(text, taken, chosen.get(text)?.name);
    for (const [text, { address }] of wanted) {
      if (chosen.get(text)?.identity !== identity || this.#taken.has(text)) continue;
      const link = this.#links.find(({ link: { prefixes } }) =>
        prefixes.some((prefix) => prefixContains(prefix, address)),
      );
      if (link !== undefined) this.#take(text, { address, link });
    }
  }

  #take(text: string, taken: Taken): void {
    const { clock, events } = this.#options;
    const { address, link } = taken;
    this.#taken.set(text, taken);
    link.take(address);
    for (const delayMs of announceAtMs)
      clock.after(delayMs, () => {
        if (this.#taken.get(text) === taken) link.announce(address);
      });
    const message = `this node answers for ${text} on ${link.link.name}`;
    events.add('balancer-taken', { subject: text, message, details: { device: link.link.name } });
    if (!this.#isServing) this.#serve();
  }

  #giveUp(text: string, { address, link }: Taken, next: string | undefined): void {
    this.#taken.delete(text);
    this.#contests.delete(text);
    link.giveUp(address);
    const message = `this node answers for ${text} no more: ${next === undefined ? 'nobody does' : `${next} does`}`;
    this.#options.events.add('balancer-given-up', { subject: text, message, details: { node: next ?? null } });
  }

  #serve(): void {
    this.#isServing = this.#taken.size > 0 && !this.#isStopped;
    if (!this.#isServing) return;
    for (const link of this.#links) {
      try {
        for (const contest of link.serve()) this.#contest(contest, link);
      } catch (error) {
        // It went down or away: the next look finds out.
        this.#fail(error);
      }
    }
    this.#options.clock.after(SERVE_MS, () => this.#serve());
  }

  #contest({ address, by }: Contest, link: AnnouncingLink): void {
    const { clock, logger } = this.#options;
    const text = formatIpAddress(address);
    const mac = formatMacAddress(by);
    const nowMs = clock.nowMs();
    const known = this.#contests.get(text);
    if (known === undefined || known.by !== mac) {
      this.#contests.set(text, { address: text, by: mac, device: link.link.name, firstMs: nowMs, lastMs: nowMs });
      // Whether it says so still when every node knows who answers.
      clock.after(CONTEST_MS, () => {
        if (this.#taken.get(text)?.link === link) link.probe(address);
      });
      return;
    }
    const wasKnown = known.lastMs - known.firstMs >= CONTEST_MS;
    known.lastMs = nowMs;
    if (wasKnown || nowMs - known.firstMs < CONTEST_MS) return;
    logger.warn(
      { address: text, mac, device: link.link.name },
      'another host answers for an address of a load balancer',
    );
    // Once: two that both insist would flood the link (RFC 5227, section 2.4).
    link.announce(address);
  }

  /** Some of the addresses each time, so that all of them are asked for in a round. */
  #probe(): void {
    const { clock } = this.#options;
    if (this.#isStopped) return;
    const nowMs = clock.nowMs();
    for (const [text, { lastMs }] of this.#contests)
      if (nowMs - lastMs > CONTEST_MEMORY_MS) this.#contests.delete(text);
    const taken = [...this.#taken.values()];
    const count = Math.ceil((taken.length * PROBE_MS) / PROBE_ROUND_MS);
    for (let done = 0; done < count; done++) {
      const { address, link } = taken[this.#probeAt++ % taken.length]!;
      link.probe(address);
    }
    clock.after(PROBE_MS, () => this.#probe());
  }

  #fail(error: unknown): void {
    const problem = error instanceof WeftError ? error.message : String(error);
    if (problem !== this.#problem)
      this.#options.logger.error({ err: error }, 'addresses of load balancers are not answered for on a link');
    this.#problem = problem;
  }
}

function wordsOf(prefixes: readonly Prefix[]): string {
  return prefixes.map(formatPrefix).join(' ');
}

function keyOf({ index, name, mac, prefixes }: PoolLink): string {
  return `${index} ${name} ${formatMacAddress(mac)} ${wordsOf(prefixes)}`;
}
