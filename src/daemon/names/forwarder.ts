/**
 * Questions that go to the node's resolver, and their answers back.
 *
 *     ask ──> first server ──no answer for a while, or it failed──> next server ... ──> first again
 *                └──────────────── the first good answer counts ──────────────────┘
 *
 * A server that did not answer of late is asked behind the others. One that says that it failed (SERVFAIL, REFUSED) counts only if no
 * other says anything better. Nothing is kept: the resolver has a cache, and is as near as this node.
 */
import { FairShares } from '../../names/fair-shares.ts';
import { ResponseCode } from '../../names/name-question.ts';
import { formatServerAddress, type NameServerAddress } from '../../names/resolver-configuration.ts';
import { codeOf, type DnsQuery, isTruncated } from './dns-message.ts';
import { askOverTcp, askOverUdp, type UpstreamSocket } from './upstream-socket.ts';

/** What becomes of a question. */
export type ForwardResult =
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  /** Nobody answered in time, or could be reached. */
  | { readonly kind: 'unanswered' }
  /** There is no resolver. */
  | { readonly kind: 'no-resolver' }
  /** Too many questions are under way, of this asker or in all. */
  | { readonly kind: 'busy' };

export interface ForwarderOptions {
  /** Whom to ask now, in order. */
  readonly servers: () => readonly NameServerAddress[];
  /** Sockets that may be open at a time. */
  readonly mostSockets: number;
  readonly nowMs: () => number;
}

/** After how long without an answer the next server is asked, in ms: less than the second after which clients ask again. */
const NEXT_SERVER_MS = 700;

/** After how long without any answer it ends, in ms: what clients wait for at most by `timeout:1 attempts:3`, and a moment more. */
const DEADLINE_MS = 4_000;

/** How often each server is asked. */
const ROUNDS = 2;

/** Sockets of one question: an answer that is late still counts, if it comes before those of two others. */
const SOCKETS_EACH = 2;

/** How long a server that did not answer is asked behind the others, in ms. */
const BEHIND_MS = 10_000;

/** Most questions of one asker at a time, however few others there are. */
const MOST_EACH = 32;

const failures: ReadonlySet<number> = new Set([ResponseCode.servFail, ResponseCode.notImp, ResponseCode.refused]);

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #shares: FairShares;
  readonly #underWay = new Set<UpstreamQuestion>();
  /** Until when a server is asked behind the others. */
  readonly #behind = new Map<string, number>();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#shares = new FairShares(Math.max(1, Math.floor(options.mostSockets / SOCKETS_EACH)), MOST_EACH);
  }

  /** Questions that wait for an answer. */
  get outstanding(): number {
    return this.#underWay.size;
  }

  /**
   * Asks for `asker`.
   *
   * @param whole the client takes an answer of any size: one that is truncated is asked for again, over TCP.
   */
  ask(query: DnsQuery, asker: string, whole: boolean, done: (result: ForwardResult) => void): void {
    const servers = this.#inOrder();
    if (servers.length === 0) return done({ kind: 'no-resolver' });
    if (!this.#shares.take(asker)) return done({ kind: 'busy' });
    const question = new UpstreamQuestion(query, whole, {
      servers,
      late: (server) => this.#putBehind(server),
      done: (answer) => {
        this.#underWay.delete(question);
        this.#shares.release(asker);
        done(answer === undefined ? { kind: 'unanswered' } : { kind: 'answer', bytes: answer });
      },
    });
    this.#underWay.add(question);
    question.begin();
  }

  /** Ends what is under way: it is not answered. */
  close(): void {
    for (const question of this.#underWay) question.close();
    this.#underWay.clear();
  }

  #inOrder(): readonly NameServerAddress[] {
    const servers = this.#options.servers();
    const now = this.#options.nowMs();
    for (const [server, untilMs] of this.#behind) if (untilMs <= now) this.#behind.delete(server);
    const isBehind = (server: NameServerAddress): number => Number(this.#behind.has(formatServerAddress(server)));
    return servers.toSorted((a, b) => isBehind(a) - isBehind(b));
  }

  #putBehind(server: NameServerAddress): void {
    this.#behind.set(formatServerAddress(server), this.#options.nowMs() + BEHIND_MS);
  }
}

interface UpstreamQuestionOptions {
  readonly servers: readonly NameServerAddress[];
  /** It did not answer in time, or cannot be reached. */
  readonly late: (server: NameServerAddress) => void;
  /** Called once, unless it is closed. */
  readonly done: (answer: Uint8Array | undefined) => void;
}

/** One question, at one server after the other. */
class UpstreamQuestion {
  readonly #query: DnsQuery;
  readonly #whole: boolean;
  readonly #options: UpstreamQuestionOptions;
  readonly #toAsk: NameServerAddress[];
  readonly #open = new Map<UpstreamSocket, NameServerAddress>();
  #next: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  /** Of a server that failed. */
  #poor: Uint8Array | undefined;
  #isDone = false;

  constructor(query: DnsQuery, whole: boolean, options: UpstreamQuestionOptions) {
    this.#query = query;
    this.#whole = whole;
    this.#options = options;
    this.#toAsk = Array.from({ length: ROUNDS }, () => options.servers).flat();
  }

  begin(): void {
    this.#deadline = setTimeout(() => this.#finish(this.#poor), DEADLINE_MS);
    this.#askNext();
  }

  close(): void {
    this.#isDone = true;
    clearTimeout(this.#next);
    clearTimeout(this.#deadline);
    for (const socket of this.#open.keys()) socket.close();
    this.#open.clear();
  }

  #askNext(): void {
    clearTimeout(this.#next);
    const server = this.#toAsk.shift();
    if (server === undefined) {
      // Those that were asked may still answer.
      if (this.#open.size === 0) this.#finish(this.#poor);
      return;
    }
    if (this.#open.size >= SOCKETS_EACH) this.#drop([...this.#open.keys()][0]!);
    this.#ask(server, askOverUdp);
    this.#next = setTimeout(() => {
      this.#options.late(server);
      this.#askNext();
    }, NEXT_SERVER_MS);
  }

  #ask(server: NameServerAddress, way: typeof askOverUdp): void {
    const socket = way(this.#query, server, {
      answered: (bytes) => {
        this.#open.delete(socket);
        this.#hear(server, bytes, way);
      },
      failed: () => {
        this.#open.delete(socket);
        this.#options.late(server);
        if (!this.#isDone) this.#askNext();
      },
    });
    this.#open.set(socket, server);
  }

  #hear(server: NameServerAddress, bytes: Uint8Array, way: typeof askOverUdp): void {
    if (this.#isDone) return;
    if (this.#whole && way === askOverUdp && isTruncated(bytes)) {
      clearTimeout(this.#next);
      this.#next = setTimeout(() => this.#askNext(), DEADLINE_MS / 2);
      return this.#ask(server, askOverTcp);
    }
    if (!failures.has(codeOf(bytes))) return this.#finish(bytes);
    this.#poor = bytes;
    // Asked again, it would say the same.
    const rest = this.#toAsk.filter((one) => one !== server);
    this.#toAsk.splice(0, this.#toAsk.length, ...rest);
    this.#askNext();
  }

  #drop(socket: UpstreamSocket): void {
    this.#open.delete(socket);
    socket.close();
  }

  #finish(answer: Uint8Array | undefined): void {
    if (this.#isDone) return;
    this.close();
    this.#options.done(answer);
  }
}
