/**
 * Fetches what is missing: asks any live member for the pods of nodes, in one request for as many as are due.
 *
 *     missing --due--> asked --part--> asked again, from where it ended --last part--> held
 *        ^                |
 *        +--- backoff ----+  the other does not hold it, does not answer, or answers wrongly
 *
 * Chosen: who said that he holds it, else whoever is drawn by lot, the owner seldom. Instead of: the owner. Because: a thousand nodes may want
 * the same pods at one time, and an owner may be reached through others only.
 */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { Member } from '../membership/announcement.ts';
import { drawIndex } from '../membership/draw.ts';
import { equalEndpoints, type Endpoint } from '../wire/address.ts';
import { MAX_ANSWERED_PODS_BYTES, MAX_NODE_PODS_BYTES, MAX_REQUESTS, MAX_WANTS } from './limits.ts';
import { encodeRequest, parseAnswer } from './message-codec.ts';
import type { PodPart, PodVersion } from './messages.ts';
import type { Missing, MissingPods } from './missing-pods.ts';
import { summaryOf, type PodCarrier } from './pod-carrier.ts';
import type { RefusedMessages } from './refused-messages.ts';

/** What becomes due within this time is asked for with what is due now, in ms. */
const TOGETHER_MS = 1_000;

/** With nobody to ask, somebody may have come after this time, in ms. */
const ALONE_MS = 1_000;

/** Of all that want the same, about so many ask the owner at first; twice as many after each attempt in vain. */
const OWNER_ASKERS = 64;

/** Whoever does not answer is not asked again for this time, in ms, as long as there are others: the way there may be cut. */
const SILENT_MS = 30_000;

/** And however few there are, no more than this share of them. */
const MOST_OWNER_SHARE = 0.5;

/**
 * After this time another is asked, in ms, though an answer may still come: a cut is found out after five seconds only. The first times, for
 * the pods of few nodes, sooner: the first packet of a stream that gets lost is sent again after a second. But not where answers take longer
 * than that, as so many in a row did.
 */
const PATIENCE_MS = 1_500;
const SHORT_PATIENCE_MS = 400;
const FEW_NODES = 2;
const SHORT_ATTEMPTS = 3;
const LATE_IN_A_ROW = 2;

/** Only an answer that is at least so long, in bytes, had no room for more. Who ends a shorter one would be asked once for each pod. */
const FULL_ANSWER_BYTES = MAX_ANSWERED_PODS_BYTES / 2;

/** Draws until somebody is found who knows of pods at all: while a cluster is upgraded, not all do. */
const DRAWS = 8;

export interface PodRequestsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly carrier: PodCarrier;
  readonly missing: MissingPods;
  readonly refused: RefusedMessages;
  /**
   * All pods of a node have come, encoded, unchecked; whether they are what is announced, and are held now.
   *
   * @param isOffered somebody had said that he holds them
   */
  readonly onPods: (identity: string, version: PodVersion, pods: readonly Uint8Array[], isOffered: boolean) => boolean;
}

export class PodRequests {
  readonly #options: PodRequestsOptions;
  #underWay = 0;
  #wakeMs = Infinity;
  #isStopped = false;
  /** Until when those are not asked that did not answer, by identity. */
  readonly #silentUntilMs = new Map<string, number>();
  /** Answers about the pods of few nodes, the latest, that came after the short patience. */
  #lateInARow = 0;
  /** Requests that were sent, and those that brought nothing. */
  sent = 0;
  failed = 0;

  constructor(options: PodRequestsOptions) {
    this.#options = options;
  }

  /** Asks for nothing any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** The node at `from` says that it holds this of a node. */
  hear(from: Endpoint, identity: string, version: PodVersion): void {
    const { carrier, missing } = this.#options;
    if (!missing.believes(identity, version)) return;
    const holder = carrier.liveOthers().find(({ announcement }) => equalEndpoints(announcement.gossipEndpoint, from));
    if (holder === undefined) return;
    missing.offered(identity, holder.announcement.identity);
    this.schedule();
  }

  /** To be called when something else is missing, or at another time. */
  schedule(): void {
    let dueMs = Infinity;
    if (this.#underWay >= MAX_REQUESTS) return;
    for (const missing of this.#options.missing.all()) {
      if (!missing.isAsked && missing.dueMs < dueMs) dueMs = missing.dueMs;
    }
    // An alarm that comes for nothing does no harm; one is enough for all that is due later.
    if (dueMs >= this.#wakeMs) return;
    const { clock } = this.#options;
    this.#wakeMs = dueMs;
    clock.after(Math.max(0, dueMs - clock.nowMs()), () => {
      if (this.#isStopped) return;
      if (this.#wakeMs === dueMs) this.#wakeMs = Infinity;
      this.#askForDue();
      this.schedule();
    });
  }

  #askForDue(): void {
    const { clock, missing } = this.#options;
    while (this.#underWay < MAX_REQUESTS) {
      const nowMs = clock.nowMs();
      const waiting = [...missing.all()].filter(({ isAsked }) => !isAsked);
      if (!waiting.some(({ dueMs }) => dueMs <= nowMs)) return;
      const due = waiting.filter(({ dueMs }) => dueMs <= nowMs + TOGETHER_MS).sort((a, b) => a.dueMs - b.dueMs);
      const holder = this.#holderOf(due[0]!);
      if (holder !== undefined) {
        // What else is due it may lack.
        const offered = due.filter((one) => one.holder === holder.announcement.identity && one.dueMs <= nowMs);
        this.#ask(holder, offered.slice(0, MAX_WANTS));
        continue;
      }
      const member = this.#draw(due[0]!);
      if (member === undefined) {
        for (const one of due) one.dueMs = nowMs + ALONE_MS;
        return;
      }
      this.#ask(member, due.slice(0, MAX_WANTS));
    }
  }

  /** Who said that he holds the pods of a node, if he is there, and answers. */
  #holderOf({ holder }: Missing): Member | undefined {
    const member = holder === undefined ? undefined : this.#options.carrier.member(holder);
    return summaryOf(member) === undefined || this.#isSilent(holder!) ? undefined : member;
  }

  /** Somebody to ask for the pods of a node; `undefined`: there is nobody. */
  #draw({ identity, attempts }: Missing): Member | undefined {
    const { random, carrier } = this.#options;
    const others = carrier.liveOthers();
    const share = Math.min(MOST_OWNER_SHARE, (OWNER_ASKERS * 2 ** Math.min(attempts, 16)) / others.length);
    const owner = carrier.member(identity);
    const isOwnerTurn = random.uint32() / 0x1_0000_0000 < share;
    if (isOwnerTurn && summaryOf(owner) !== undefined && !this.#isSilent(identity)) return owner;
    for (let draw = 0; draw < DRAWS && others.length > 0; draw++) {
      const member = others[drawIndex(random, others.length)]!;
      const other = member.announcement.identity;
      if (other !== identity && summaryOf(member) !== undefined && !this.#isSilent(other)) return member;
    }
    return summaryOf(owner) === undefined ? undefined : owner;
  }

  #isSilent(identity: string): boolean {
    const untilMs = this.#silentUntilMs.get(identity);
    return untilMs !== undefined && this.#options.clock.nowMs() < untilMs;
  }

  #noteAnswer(identity: string, hasAnswered: boolean): void {
    this.#silentUntilMs.delete(identity);
    if (hasAnswered) return;
    const nowMs = this.#options.clock.nowMs();
    this.#silentUntilMs.set(identity, nowMs + SILENT_MS);
    for (const [one, untilMs] of this.#silentUntilMs) {
      if (untilMs > nowMs) return;
      this.#silentUntilMs.delete(one);
    }
  }

  #ask(member: Member, asked: readonly Missing[]): void {
    const { carrier, clock, missing } = this.#options;
    const sentMs = clock.nowMs();
    this.#underWay++;
    this.sent++;
    for (const one of asked) missing.asked(one);
    const wants = asked.map(({ identity, wanted, came }) => ({ identity, ...wanted, from: came.length }));
    const { identity } = member.announcement;
    let [isWaitedFor, isNoted] = [true, false];
    const note = (hasAnswered: boolean): void => {
      if (!isNoted) this.#noteAnswer(identity, hasAnswered);
      isNoted = true;
    };
    const waitNoMore = (): void => {
      isWaitedFor = false;
      this.#underWay--;
      for (const one of asked) one.isAsked = false;
    };
    const areFew = asked.length <= FEW_NODES;
    const isShort =
      areFew && asked.every(({ attempts }) => attempts < SHORT_ATTEMPTS) && this.#lateInARow < LATE_IN_A_ROW;
    clock.after(isShort ? SHORT_PATIENCE_MS : PATIENCE_MS, () => {
      if (!isWaitedFor || this.#isStopped) return;
      waitNoMore();
      for (const [index, one] of asked.entries()) {
        // Of something newer it would be the first attempt.
        if (isShort && one.wanted.version === wants[index]!.version) one.attempts++;
        one.dueMs = clock.nowMs();
      }
      this.#askForDue();
      this.schedule();
    });
    clock.after(PATIENCE_MS, () => note(false));
    carrier.askForPods(member.announcement.gossipEndpoint, encodeRequest(wants), (answer) => {
      note(answer !== undefined);
      if (areFew && answer !== undefined) this.#noteDelay(clock.nowMs() - sentMs);
      if (isWaitedFor) waitNoMore();
      else if (answer === undefined) return;
      else return this.#takeLate(asked, answer);
      this.#take(member, asked, answer);
      this.#askForDue();
      this.schedule();
    });
  }

  #noteDelay(delayMs: number): void {
    this.#lateInARow = delayMs > SHORT_PATIENCE_MS ? this.#lateInARow + 1 : 0;
  }

  /** An answer that was not waited for any longer: what is whole in it counts, if it is missing still. */
  #takeLate(asked: readonly Missing[], bytes: Uint8Array): void {
    const { missing } = this.#options;
    for (const part of parseAnswer(bytes)?.parts ?? []) {
      const one = asked.find(({ identity }) => identity === part.identity);
      const isWhole = part.from === 0 && part.pods.length === part.count;
      if (one === undefined || !isWhole || missing.get(part.identity) !== one || one.came.length > 0) continue;
      this.#takePart(one, part, false);
    }
  }

  #take(member: Member, asked: readonly Missing[], bytes: Uint8Array | undefined): void {
    const { missing, refused } = this.#options;
    const answer = bytes && parseAnswer(bytes);
    if (bytes !== undefined && answer === undefined) refused.count('answer-invalid');
    const isFull = bytes !== undefined && bytes.length >= FULL_ANSWER_BYTES;
    const open = new Map(asked.map((one) => [one.identity, one]));
    let hasBrought = false;
    for (const [index, part] of (answer?.parts ?? []).entries()) {
      const one = open.get(part.identity);
      if (one === undefined) {
        refused.count('answer-unasked');
        continue;
      }
      if (missing.get(part.identity) !== one) {
        // It came in another way meanwhile.
        open.delete(part.identity);
        hasBrought = true;
        continue;
      }
      const outcome = this.#takePart(one, part, isFull && index === answer!.parts.length - 1);
      if (outcome !== 'failed') hasBrought = true;
      if (outcome === 'more') continue;
      open.delete(part.identity);
      if (outcome === 'failed') missing.failed(one);
    }
    if (!hasBrought) this.failed++;
    const lacking = new Set(answer?.lacking);
    const rest: Missing[] = [];
    for (const [identity, one] of open) {
      if (missing.get(identity) !== one) continue;
      if (hasBrought && isFull && !lacking.has(identity)) rest.push(one);
      else missing.failed(one);
    }
    // There was no room for more: the other holds more of it, mostly.
    if (rest.length > 0 && !this.#isStopped) this.#ask(member, rest);
  }

  /** @param mayEnd whether it is where a full answer ends: only there may something be left out, else everything would wait half-done */
  #takePart(one: Missing, part: PodPart, mayEnd: boolean): 'held' | 'more' | 'failed' {
    const { carrier, refused, onPods } = this.#options;
    const { identity, version, digest, count, from, pods } = part;
    const announced = summaryOf(carrier.member(identity));
    // It may have announced other pods meanwhile, or less is known of it there than here.
    if (announced?.version !== version || announced.digest !== digest) return 'failed';
    if (one.wanted.version !== version || one.wanted.digest !== digest) {
      one.wanted = { version, digest };
      one.came = [];
    }
    const lengthBytes = [...one.came, ...pods].reduce((sum, { length }) => sum + length, 0);
    if (from !== one.came.length || count !== announced.pods || lengthBytes > MAX_NODE_PODS_BYTES) {
      refused.count(from === one.came.length ? 'answer-wrong' : 'answer-unasked');
      return 'failed';
    }
    one.came.push(...pods);
    if (one.came.length === count)
      return onPods(identity, { version, digest }, one.came, one.isOffered) ? 'held' : 'failed';
    if (mayEnd && pods.length > 0) return 'more';
    refused.count('answer-wrong');
    return 'failed';
  }
}
