/** Which pods each node has: the one class that owns the parts and connects them. */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { Member, MemberChange, PodSummary } from '../membership/announcement.ts';
import type { PodAnswer, PodGossip } from '../membership/pod-gossip.ts';
import type { Endpoint } from '../wire/address.ts';
import type { DirectoryPod } from './directory-pod.ts';
import { Holdings, PodSetCache, type Holding } from './holdings.ts';
import { encodeOffer, parseChange, parseRequest } from './message-codec.ts';
import type { PodVersion } from './messages.ts';
import { MissingPods } from './missing-pods.ts';
import { OwnPods, setOf } from './own-pods.ts';
import { answerOf, type HeldOf } from './pod-answers.ts';
import { summaryOf, type PodCarrier } from './pod-carrier.ts';
import { PodRequests } from './pod-requests.ts';
import { PodSet } from './pod-set.ts';
import { RefusedMessages, type PodRefusal } from './refused-messages.ts';

/** Changes of this node's pods wait this long for more, in ms. */
const GATHERING_MS = 100;

/** They are published so often in a row, and not more often than that within so many ms: once a second, if they go on. */
const PUBLISHED_IN_A_ROW = 4;
const ROW_MS = 4_000;

/** A node that is dead may be back: its pods are kept this long, in ms. */
const KEEP_DEAD_MS = 600_000;

/** A change that spans more versions is no node's: each tells since one of its last few. */
const MAX_CHANGE_SPAN = 64;

export interface PodDirectoryOptions {
  /** Of this node. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Greater than those that earlier lives of this node gave out, as far as it can know: the time of day in ms. */
  readonly firstVersion: number;
  /** Pods of this node. */
  readonly pods: readonly DirectoryPod[];
  /** One for several directories of one process, which then share what they hold. */
  readonly cache?: PodSetCache;
  /** The pods of these nodes are others from now on, or are no longer reachable, or reachable again. */
  readonly onChange?: (identities: readonly string[]) => void;
}

/** A node whose pods are not held as it announces them. */
export interface PodsBehind {
  readonly identity: string;
  /** On this node's clock. */
  readonly sinceMs: number;
  /** Requests in vain, for what it announces now. */
  readonly attempts: number;
}

/** What the directory holds, and did since its start. */
export interface DirectoryStatistics {
  /** Other nodes of which pods are held, the pods, and their bytes. */
  readonly nodes: number;
  readonly pods: number;
  readonly lengthBytes: number;
  /** Nodes whose pods are not held as they are announced. */
  readonly behind: number;
  readonly requestsSent: number;
  readonly requestsFailed: number;
  readonly requestsAnswered: number;
  readonly changesTaken: number;
}

/**
 * Every node announces version, digest and number of its pods, so anti-entropy of the membership tells everybody what each has now;
 * who does not hold it, knows so.
 *
 *     owner: pods change --gathered--> announcement, and the change in datagrams or, if it is too long, an offer of all pods
 *     others: change taken, if what it is based on is held     else: asks who told it, or waits, then asks any member
 *
 * To be attached to a carrier before anything comes in. Driven by its input methods and by the clock only.
 */
export class PodDirectory implements PodGossip {
  readonly #options: PodDirectoryOptions;
  readonly #own: OwnPods;
  readonly #cache: PodSetCache;
  readonly #holdings = new Holdings();
  readonly #missing: MissingPods;
  readonly #refused = new RefusedMessages();
  #carrier: PodCarrier | undefined;
  #requests: PodRequests | undefined;
  /** What this node has; announced with the next {@link #publish}. */
  #ownSet: PodSet;
  #isPublishing = false;
  #mustAnnounce = false;
  /** When it was published last, the first first: {@link PUBLISHED_IN_A_ROW} times at most. */
  #publishedMs: readonly number[] = [];
  #isStopped = false;
  #requestsAnswered = 0;
  #changesTaken = 0;

  /** @throws as {@link setOf} */
  constructor(options: PodDirectoryOptions) {
    const { identity, clock, random, firstVersion, pods } = options;
    this.#options = options;
    this.#own = new OwnPods(identity, clock, firstVersion, pods);
    this.#ownSet = this.#own.set;
    this.#cache = options.cache ?? new PodSetCache();
    this.#missing = new MissingPods(clock, random);
  }

  /** What this node announces of its pods. */
  get summary(): PodSummary {
    return this.#own.summary;
  }

  /** Takes part from now on. @param members who is known already */
  attach(carrier: PodCarrier, members: readonly Member[] = []): void {
    const { clock, random } = this.#options;
    this.#carrier = carrier;
    this.#requests = new PodRequests({
      clock,
      random,
      carrier,
      missing: this.#missing,
      refused: this.#refused,
      onPods: (identity, version, pods, isOffered) => this.#takePods(identity, version, pods, isOffered),
    });
    this.follow(members.map((after) => ({ before: undefined, after })));
  }

  /** Does nothing any more. */
  stop(): void {
    this.#isStopped = true;
    this.#requests?.stop();
  }

  /** The pods of this node are these from now on; others hear of it soon. @throws as {@link setOf}, and nothing has changed */
  replaceOwn(pods: readonly DirectoryPod[]): void {
    const set = setOf(pods);
    if (set.digest === this.#ownSet.digest && set.size === this.#ownSet.size) return;
    this.#ownSet = set;
    // Before that, the first announcement has them.
    if (this.#carrier === undefined) this.#own.replace(set);
    else this.#publishSoon();
    this.#options.onChange?.([this.#options.identity]);
  }

  /** Members changed. */
  follow(changes: readonly MemberChange[]): void {
    const changed: string[] = [];
    for (const { before, after } of changes) {
      const { identity } = (after ?? before)!.announcement;
      if (identity === this.#options.identity) continue;
      if (isLive(before) !== isLive(after)) changed.push(identity);
      if (after === undefined || after.state === 'left') {
        if (this.#forget(identity)) changed.push(identity);
      } else if (after.state === 'dead') {
        this.#missing.delete(identity);
        if (isLive(before)) this.#options.clock.after(KEEP_DEAD_MS, () => this.#forgetIfDead(identity));
      } else if (this.#compare(after)) changed.push(identity);
    }
    this.#requests?.schedule();
    if (changed.length > 0) this.#options.onChange?.([...new Set(changed)]);
  }

  takeChange(from: Endpoint, bytes: Uint8Array): void {
    const change = parseChange(bytes);
    if (change === undefined || change.version - change.base > MAX_CHANGE_SPAN)
      return this.#refused.count('change-invalid');
    const { identity, base, version, removed, added } = change;
    const held = this.#holdings.get(identity);
    const member = this.#carrier?.member(identity);
    if (identity === this.#options.identity || !isLive(member)) return;
    if (held !== undefined && held.version >= version) return;
    if (held === undefined || held.version < base) {
      // The announcement may have come with it, and is not followed yet.
      if (this.#compare(member!)) this.#options.onChange?.([identity]);
      return this.#requests?.hear(from, identity, change);
    }
    const set = this.#cache.get(identity, change, () => held.set.with(removed, added));
    if (set === undefined) return this.#refused.count('change-wrong');
    if (!this.#hold(identity, change, set)) return;
    this.#changesTaken++;
    this.#carrier?.spreadPods(identity, Uint8Array.from(bytes));
    this.#compare(member!);
    this.#requests?.schedule();
    this.#options.onChange?.([identity]);
  }

  answer(_from: Endpoint, request: Uint8Array): PodAnswer | undefined {
    const wants = parseRequest(request);
    if (wants === undefined) {
      this.#refused.count('request-invalid');
      return undefined;
    }
    this.#requestsAnswered++;
    const { identity: self } = this.#options;
    const heldOf: HeldOf = (identity) =>
      identity === self ? { ...this.#own.summary, set: this.#own.set } : this.#holdings.get(identity);
    return answerOf(wants, heldOf);
  }

  takeSummaryOfSelf(summary: PodSummary): void {
    // Not at once: that is in the midst of a message, which may bring worse claims of this node.
    if (this.#own.outbid(summary)) this.#publishSoon(true);
  }

  /** Pods of a node as it announced them last, as far as this node knows; those of a node that is gone, too, for a while. */
  podsOf(identity: string): readonly DirectoryPod[] {
    return this.setOf(identity)?.pods() ?? [];
  }

  /** The same, encoded. The same object until something changes. */
  setOf(identity: string): PodSet | undefined {
    return identity === this.#options.identity ? this.#ownSet : this.#holdings.get(identity)?.set;
  }

  /** Which version of a node's pods is held. */
  versionOf(identity: string): PodVersion | undefined {
    return identity === this.#options.identity ? this.#own.summary : this.#holdings.get(identity);
  }

  /** As if these had been asked for: for a cluster that is there when a simulation begins. */
  recall(identity: string, holding: Holding): void {
    this.#holdings.put(identity, holding);
  }

  /** Nodes whose pods are not held as they announce them. */
  behind(): readonly PodsBehind[] {
    return Array.from(this.#missing.all(), ({ identity, sinceMs, attempts }) => ({ identity, sinceMs, attempts }));
  }

  /** Messages that were refused since the start, by reason; every reason is a key. */
  refused(): Record<PodRefusal, number> {
    return this.#refused.counts();
  }

  statistics(): DirectoryStatistics {
    return {
      nodes: this.#holdings.nodes,
      pods: this.#holdings.pods,
      lengthBytes: this.#holdings.lengthBytes,
      behind: this.#missing.size,
      requestsSent: this.#requests?.sent ?? 0,
      requestsFailed: this.#requests?.failed ?? 0,
      requestsAnswered: this.#requestsAnswered,
      changesTaken: this.#changesTaken,
    };
  }

  #publishSoon(isForced = false): void {
    this.#mustAnnounce ||= isForced;
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    const { clock } = this.#options;
    const isRowFull = this.#publishedMs.length >= PUBLISHED_IN_A_ROW;
    const waitMs = Math.max(GATHERING_MS, isRowFull ? this.#publishedMs[0]! + ROW_MS - clock.nowMs() : 0);
    clock.after(waitMs, () => {
      this.#isPublishing = false;
      if (!this.#isStopped && this.#carrier !== undefined) this.#publish(this.#carrier);
    });
  }

  #publish(carrier: PodCarrier): void {
    const hasChanged = this.#own.replace(this.#ownSet);
    if (!hasChanged && !this.#mustAnnounce) return;
    this.#mustAnnounce = false;
    this.#publishedMs = [...this.#publishedMs, this.#options.clock.nowMs()].slice(-PUBLISHED_IN_A_ROW);
    carrier.spreadPods(this.#options.identity, this.#own.change());
    carrier.announcePods(this.#own.summary);
  }

  /** Compares what is held of a node with what it announces; whether something else is held afterwards. */
  #compare(member: Member): boolean {
    const { identity } = member.announcement;
    const announced = summaryOf(member);
    const held = this.#holdings.get(identity);
    if (announced === undefined) return this.#forget(identity);
    if (held?.version === announced.version && held.digest === announced.digest) {
      this.#missing.delete(identity);
      return false;
    }
    if (announced.pods === 0 && announced.digest === PodSet.empty.digest)
      return this.#hold(identity, announced, PodSet.empty);
    this.#missing.note(
      identity,
      announced,
      held && { ...held, lengthBytes: held.set.lengthBytes },
      this.#carrier?.liveOthers().length ?? 0,
    );
    return false;
  }

  /**
   * @param isOffered somebody said that he holds them: others are told the same, as they may want them as well. Not if nothing was held
   * before: a node that starts has nothing new for others.
   */
  #takePods(identity: string, version: PodVersion, pods: readonly Uint8Array[], isOffered: boolean): boolean {
    const set = this.#cache.get(identity, version, () => PodSet.parse(pods));
    if (set === undefined) {
      this.#refused.count('answer-wrong');
      return false;
    }
    const isNews = isOffered && this.#holdings.get(identity) !== undefined;
    if (!this.#hold(identity, version, set)) return false;
    if (isNews) this.#carrier?.spreadPods(identity, encodeOffer(identity, version));
    this.#options.onChange?.([identity]);
    return true;
  }

  #hold(identity: string, { version, digest }: PodVersion, set: PodSet): boolean {
    if (!this.#holdings.put(identity, { version, digest, set, sinceMs: this.#options.clock.nowMs() })) {
      this.#refused.count('directory-full');
      return false;
    }
    this.#missing.delete(identity);
    return true;
  }

  /** Whether anything was held. */
  #forget(identity: string): boolean {
    const isHeld = this.#holdings.get(identity) !== undefined;
    this.#holdings.drop(identity);
    this.#missing.delete(identity);
    return isHeld;
  }

  #forgetIfDead(identity: string): void {
    if (isLive(this.#carrier?.member(identity)) || !this.#forget(identity)) return;
    this.#options.onChange?.([identity]);
  }
}

function isLive(member: Member | undefined): boolean {
  return member?.state === 'alive' || member?.state === 'suspect';
}
