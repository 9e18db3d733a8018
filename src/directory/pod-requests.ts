/**
 * Fetches what is missing: asks any live member for the pods of nodes, in one request for as many as are due.
 *
 *     missing --due--> asked --part--> asked again, from where it ended --last part--> held
 *        ^                |
 *        +--- backoff ----+  the other does not hold it, does not answer, or answers wrongly
 *
 * Chosen: whoever is drawn by lot, the owner seldom. Instead of: the owner. Because: a thousand nodes may want the same pods at one
 * time, and an owner may be reached through others only.
 */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { Member } from '../membership/announcement.ts';
import { drawIndex } from '../membership/draw.ts';
import { MAX_NODE_PODS_BYTES, MAX_REQUESTS, MAX_WANTS } from './limits.ts';
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

/** After this time another is asked, in ms, though an answer may still come: a cut is found out after five seconds only. */
const PATIENCE_MS = 1_500;

/** Draws until somebody is found who knows of pods at all: while a cluster is upgraded, not all do. */
const DRAWS = 8;

export interface PodRequestsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly carrier: PodCarrier;
  readonly missing: MissingPods;
  readonly refused: RefusedMessages;
  /** All pods of a node have come, encoded, unchecked; whether they are what is announced, and are held now. */
  readonly onPods: (identity: string, version: PodVersion, pods: readonly Uint8Array[]) => boolean;
}

export class PodRequests {
  readonly #options: PodRequestsOptions;
  #underWay = 0;
  #wakeMs = Infinity;
  #isStopped = false;
  /** Until when those are not asked that did not answer, by identity. */
  readonly #silentUntilMs = new Map<string, number>();
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
      const member = this.#draw(due[0]!);
      if (member === undefined) {
        for (const one of due) one.dueMs = nowMs + ALONE_MS;
        return;
      }
      this.#ask(member, due.slice(0, MAX_WANTS));
    }
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
    const { carrier, clock } = this.#options;
    this.#underWay++;
    this.sent++;
    for (const one of asked) one.isAsked = true;
    const wants = asked.map(({ identity, wanted, came }) => ({ identity, ...wanted, from: came.length }));
    const { identity } = member.announcement;
    let isWaitedFor = true;
    const waitNoMore = (hasAnswered: boolean): void => {
      isWaitedFor = false;
      this.#underWay--;
      for (const one of asked) one.isAsked = false;
      this.#noteAnswer(identity, hasAnswered);
    };
    clock.after(PATIENCE_MS, () => {
      if (!isWaitedFor || this.#isStopped) return;
      waitNoMore(false);
      for (const one of asked) one.dueMs = clock.nowMs();
      this.#askForDue();
      this.schedule();
    });
    carrier.askForPods(member.announcement.gossipEndpoint, encodeRequest(wants), (answer) => {
      if (isWaitedFor) waitNoMore(answer !== undefined);
      else if (answer === undefined) return;
      else return this.#takeLate(asked, answer);
      this.#take(member, asked, answer);
      this.#askForDue();
      this.schedule();
    });
  }

  /** An answer that was not waited for any longer: what is whole in it counts, if it is missing still. */
  #takeLate(asked: readonly Missing[], bytes: Uint8Array): void {
    const { missing } = this.#options;
    for (const part of parseAnswer(bytes)?.parts ?? []) {
      const one = asked.find(({ identity }) => identity === part.identity);
      const isWhole = part.from === 0 && part.pods.length === part.count;
      if (one === undefined || !isWhole || missing.get(part.identity) !== one || one.came.length > 0) continue;
      this.#takePart(one, part, true);
    }
  }

  #take(member: Member, asked: readonly Missing[], bytes: Uint8Array | undefined): void {
    const { missing, refused } = this.#options;
    const answer = bytes && parseAnswer(bytes);
    if (bytes !== undefined && answer === undefined) refused.count('answer-invalid');
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
      const outcome = this.#takePart(one, part, index === answer!.parts.length - 1);
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
      if (hasBrought && !lacking.has(identity)) rest.push(one);
      else missing.failed(one);
    }
    // There was no room for more: the other holds more of it, mostly.
    if (rest.length > 0 && !this.#isStopped) this.#ask(member, rest);
  }

  #takePart(one: Missing, part: PodPart, isLast: boolean): 'held' | 'more' | 'failed' {
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
    if (one.came.length === count) return onPods(identity, { version, digest }, one.came) ? 'held' : 'failed';
    // Only where an answer ends may something be left out: else everything would wait half-done.
    if (isLast && pods.length > 0) return 'more';
    refused.count('answer-wrong');
    return 'failed';
  }
}
