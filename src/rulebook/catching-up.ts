/**
 * Has this node and another hold the same of the rulebook: by a rumour of something that is not held here, when somebody is there who was
 * not before, and now and then.
 *
 *     A                                                              B
 *     | request: sums of A's buckets                                 |
 *     |------------------------------------------------------------->|  compares
 *     |     answer: which differ, hashes of all entries in these,    |
 *     |     the newest of them, as far as there is room              |
 *     |<-------------------------------------------------------------|
 *     | request: what B lacks, hashes of what A still wants          |
 *     |------------------------------------------------------------->|  takes it, and tells others
 *     |     answer: these entries           (again, until it is all) |
 *     |<-------------------------------------------------------------|
 *
 * A change mostly costs the first two. One is under way at a time: what it brings is mostly what the next would have asked for.
 */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import { jitter } from '../membership/draw.ts';
import { pushPullIntervalMs } from '../membership/push-pull.ts';
import type { Endpoint } from '../wire/address.ts';
import type { Knowledge, KnowledgeWord } from './knowledge.ts';
import { ENTRY_HASH_BYTES, MAX_WANTED, MESSAGE_ENTRIES_BYTES } from './limits.ts';
import { encodeRequest, parseAnswer, type RulebookAnswer, type RulebookSummary } from './message-codec.ts';
import type { RefusedEntries } from './refused-entries.ts';
import type { RulebookCarrier } from './rulebook-carrier.ts';
import { bucketOf, type RulebookTable } from './rulebook-table.ts';

/** From the beginning of one to that of the next, in ms: rumours come in bursts. */
const LEAST_INTERVAL_MS = 50;

/**
 * After this time another is asked, in ms, though an answer may still come: a cut is found out after five seconds only. Where somebody
 * else has said that he holds it, sooner: the first packet of a stream that gets lost is sent again after a second.
 */
const PATIENCE_MS = 1_500;
const SHORT_PATIENCE_MS = 300;

/** With a random member so often, in ms; in a cluster of more than 32 less often, as members exchange what they hold of each other. */
const INTERVAL_MS = 30_000;

/** When a node is there that was not, so many others ask it, about, each within this time, in ms. */
const GREETERS = 4;
const GREETING_MS = 500;

/** Nobody answered, or none who knows: somebody else is asked after this, in ms, then so many times as long each time. */
const BACKOFF_MS = 100;
const BACKOFF_GROWTH = 1.5;
const MOST_BACKOFF_MS = 10_000;

/** Digests of others that led to nothing: they hold what is refused here, or lack what they refuse. */
const MAX_VAIN = 64;

export interface CatchingUpOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly table: RulebookTable;
  readonly carrier: RulebookCarrier;
  readonly refused: RefusedEntries;
  /** Takes encoded entries; whether any was new. */
  readonly onEntries: (entries: readonly Uint8Array[]) => boolean;
  /** Told who has answered, when all that he holds is held here, but for what is refused. */
  readonly knowledge: Knowledge;
  /** One is over, however. */
  readonly onEnd: () => void;
}

/** With whom next. */
interface Next {
  readonly to: Endpoint;
  /** Of a rumour; -1: it is none. */
  readonly version: number;
  readonly digest: string;
}

/** With whom it is under way, and what of it is left. */
interface Exchange {
  readonly to: Endpoint;
  readonly digest: string;
  /** What the other said of it when the two were compared. */
  word: KnowledgeWord;
  /** Hashes. */
  lacking: readonly string[];
  /** Encoded. */
  giving: readonly Uint8Array[];
  hasChanged: boolean;
}

export class CatchingUp {
  readonly #options: CatchingUpOptions;
  #next: Next | undefined;
  #underWay: Exchange | undefined;
  #wakeMs = Infinity;
  #isStopped = false;
  #lastMs = -Infinity;
  /** When whoever is asked was asked last. */
  #askedMs = -Infinity;
  /** In a row, those that nobody answered who knows. */
  #fruitless = 0;
  /** With which digest here which digests there led to nothing. */
  #vain: { readonly own: string; readonly others: Set<string> } = { own: '', others: new Set() };
  /** Begun since the start, and those that nobody answered. */
  started = 0;
  failed = 0;

  constructor(options: CatchingUpOptions) {
    this.#options = options;
    this.#repeat();
  }

  /** Whether something is about to be held that is not yet. */
  get isBusy(): boolean {
    return this.#underWay !== undefined || this.#next !== undefined;
  }

  /** Asks for nothing any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** The node at `from` says what it holds, and it is not what is held here. */
  hear(from: Endpoint, { version, digest }: RulebookSummary): void {
    if (this.#isVain(digest) || (this.#next !== undefined && this.#next.version > version)) return;
    this.#next = { to: from, version, digest };
    this.#lookForAnother();
    this.#schedule(0);
  }

  /** So many nodes are there that were not before: `someone` of them. */
  meet(someone: Endpoint, count: number): void {
    const { random, carrier, knowledge } = this.#options;
    const isSure = knowledge.isSure;
    const others = Math.max(1, carrier.liveOthers().length);
    if (isSure && random.uint32() / 0x1_0000_0000 >= (GREETERS * count) / others) return;
    this.#next ??= { to: someone, version: -1, digest: '' };
    this.#schedule(isSure ? (GREETING_MS * random.uint32()) / 0x1_0000_0000 : 0);
  }

  #repeat(): void {
    const { clock, random, carrier } = this.#options;
    const intervalMs = pushPullIntervalMs({ pushPullIntervalMs: INTERVAL_MS }, carrier.liveOthers().length + 1);
    clock.after(jitter(random, intervalMs), () => {
      if (this.#isStopped) return;
      this.#next ??= this.#anyone();
      this.#schedule(0);
      this.#repeat();
    });
  }

  #anyone(): Next | undefined {
    const to = this.#options.knowledge.whomToAsk();
    return to && { to, version: -1, digest: '' };
  }

  #schedule(waitMs: number): void {
    if (this.#underWay !== undefined) return;
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    const dueMs = Math.max(nowMs + waitMs, this.#lastMs + LEAST_INTERVAL_MS);
    if (dueMs >= this.#wakeMs) return;
    this.#wakeMs = dueMs;
    clock.after(dueMs - nowMs, () => {
      if (this.#wakeMs !== dueMs) return;
      this.#wakeMs = Infinity;
      if (!this.#isStopped && this.#underWay === undefined) this.#begin();
    });
  }

  #begin(): void {
    const { clock, table, knowledge } = this.#options;
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) return this.#options.onEnd();
    if (next.digest === table.summary.digest) {
      // It has come another way meanwhile. Rumours are of those who know.
      knowledge.take(next.to, 'knows');
      return this.#options.onEnd();
    }
    this.#lastMs = clock.nowMs();
    this.started++;
    const { to, digest } = next;
    const exchange: Exchange = { to, digest, word: 'seeks', lacking: [], giving: [], hasChanged: false };
    this.#underWay = exchange;
    const buckets = table.buckets();
    this.#ask(exchange, encodeRequest({ buckets, wanted: [], entries: [] }), (answer) => {
      this.#take(exchange, answer);
      exchange.word = answer.knowledge;
      const held = new Set(answer.hashes);
      const differing = new Set(answer.differing);
      const count = buckets.length / ENTRY_HASH_BYTES;
      exchange.lacking = answer.hashes.filter((hash) => table.byHash(hash) === undefined);
      exchange.giving = [...table.all()]
        .filter(({ hash }) => differing.has(bucketOf(hash, count)) && !held.has(hash))
        .map(({ bytes }) => bytes);
      this.#goOn(exchange);
    });
  }

  /** Gives and fetches what is left, as much as there is room for. */
  #goOn(exchange: Exchange): void {
    const { lacking, giving } = exchange;
    if (lacking.length === 0 && giving.length === 0) return this.#end(exchange, true);
    const entries = fitting(giving, MESSAGE_ENTRIES_BYTES);
    exchange.giving = giving.slice(entries.length);
    if (entries.length > 0) exchange.hasChanged = true;
    const request = encodeRequest({ wanted: lacking.slice(0, MAX_WANTED), entries });
    this.#ask(exchange, request, (answer) => {
      // What was wanted and is not held any more there has come another way, or will.
      this.#take(exchange, answer);
      const { table } = this.#options;
      exchange.lacking =
        answer.entries.length === 0 ? [] : lacking.slice(answer.entries.length).filter((hash) => !table.byHash(hash));
      this.#goOn(exchange);
    });
  }

  #take(exchange: Exchange, { entries }: RulebookAnswer): void {
    if (this.#options.onEntries(entries)) exchange.hasChanged = true;
  }

  #ask(exchange: Exchange, request: Uint8Array, onAnswer: (answer: RulebookAnswer) => void): void {
    const { clock, carrier, refused, onEntries } = this.#options;
    let isAnswered = false;
    this.#askedMs = clock.nowMs();
    clock.after(SHORT_PATIENCE_MS, () => this.#lookForAnother());
    clock.after(PATIENCE_MS, () => {
      if (!isAnswered && !this.#isStopped && this.#underWay === exchange) this.#end(exchange, false);
    });
    carrier.askForRulebook(exchange.to, request, (bytes) => {
      isAnswered = true;
      if (this.#isStopped) return;
      const answer = bytes && parseAnswer(bytes);
      if (bytes !== undefined && answer === undefined) refused.count('answer-invalid');
      if (this.#underWay !== exchange) {
        // It was not waited for any longer; what it brings counts all the same.
        if (answer !== undefined) onEntries(answer.entries);
      } else if (answer === undefined) this.#end(exchange, false);
      else onAnswer(answer);
    });
  }

  /** Whoever is asked may have had time enough, where there is another who holds it. */
  #lookForAnother(): void {
    const hadTime = this.#options.clock.nowMs() - this.#askedMs >= SHORT_PATIENCE_MS;
    if (hadTime && this.#underWay !== undefined && this.#next !== undefined && !this.#isStopped)
      this.#end(this.#underWay, false);
  }

  #end(exchange: Exchange, isAnswered: boolean): void {
    this.#underWay = undefined;
    this.#options.onEnd();
    const { knowledge } = this.#options;
    if (isAnswered) {
      if (!exchange.hasChanged) this.#noteVain(exchange.digest);
      knowledge.take(exchange.to, exchange.word);
      if (knowledge.isSure) this.#fruitless = 0;
    } else this.failed++;
    if (!isAnswered || !knowledge.isSure) this.#next ??= this.#anyone();
    if (this.#next === undefined) return;
    const isRumour = this.#next.version >= 0;
    this.#schedule(isRumour || (isAnswered && knowledge.isSure) ? 0 : this.#backoffMs());
  }

  #backoffMs(): number {
    return Math.min(MOST_BACKOFF_MS, BACKOFF_MS * BACKOFF_GROWTH ** this.#fruitless++);
  }

  #isVain(digest: string): boolean {
    return this.#vain.others.has(digest) && this.#vain.own === this.#options.table.summary.digest;
  }

  #noteVain(digest: string): void {
    const own = this.#options.table.summary.digest;
    if (digest === '' || digest === own) return;
    if (this.#vain.own !== own || this.#vain.others.size >= MAX_VAIN) this.#vain = { own, others: new Set() };
    this.#vain.others.add(digest);
  }
}

/** The first entries of a list, up to so many bytes; at least one, if there is one. */
export function fitting(entries: readonly Uint8Array[], mostBytes: number): readonly Uint8Array[] {
  let lengthBytes = 0;
  const end = entries.findIndex(({ length }, index) => (lengthBytes += length) > mostBytes && index > 0);
  return end === -1 ? entries : entries.slice(0, end);
}
