/**
 * Who is at a door: so many at a time, and none of them for longer than it takes.
 *
 *     asking ──whole request──> served ──answer──> reading ──all of it──> gone
 *       └──── late, or room is needed ────────────────┴─────────────────> sent away
 *
 * One that keeps its request to itself, or does not read its answer, makes room for the next: whoever holds connections only keeps
 * out nobody. One that is served stays until it has its answer.
 */
import type { Socket } from 'node:net';

export interface VisitorsOptions {
  /** How many may be here now. */
  readonly most: () => number;
  /** How long a request, and how long reading an answer, may take. */
  readonly askMs?: number;
  readonly readMs?: number;
  /** One is gone, for whatever reason. */
  readonly onLeave?: () => void;
  /** There was no room: somebody was not let in, or sent away. */
  readonly onFull?: () => void;
}

/** What happened since the start. */
export interface VisitorCounters {
  /** Not let in: all others were being served. */
  refused: number;
  /** Sent away to make room. */
  displaced: number;
  /** Sent away because they took too long. */
  late: number;
}

/** A request is there at once: who sends it is on the same machine, or a round trip away. */
const ASK_MS = 5_000;
const READ_MS = 30_000;

export class Visitors {
  readonly counters: VisitorCounters = { refused: 0, displaced: 0, late: 0 };
  readonly #options: VisitorsOptions;
  readonly #all = new Set<Socket>();
  /** Those that something is waited for from, the longest first. */
  readonly #awaited = new Map<Socket, NodeJS.Timeout>();

  constructor(options: VisitorsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#all.size;
  }

  /** Lets one in, whose request is waited for. False if there is no room. */
  admit(socket: Socket): boolean {
    if (!this.#makeRoom()) {
      this.counters.refused++;
      this.#options.onFull?.();
      return false;
    }
    this.#all.add(socket);
    socket.on('error', ignore);
    socket.once('close', () => {
      this.#heard(socket);
      this.#all.delete(socket);
      this.#options.onLeave?.();
    });
    this.#await(socket, this.#options.askMs ?? ASK_MS);
    return true;
  }

  /** Its request is there. */
  serve(socket: Socket): void {
    this.#heard(socket);
  }

  /** Its answer has been handed over. */
  dismiss(socket: Socket): void {
    if (this.#all.has(socket)) this.#await(socket, this.#options.readMs ?? READ_MS);
  }

  sendAllAway(): void {
    for (const socket of this.#all) socket.destroy();
  }

  #makeRoom(): boolean {
    const most = this.#options.most();
    // Those that are destroyed are gone only after this: more than one may have to go if the limit was lowered.
    for (let excess = this.#all.size - most; excess >= 0; excess--) {
      const longest = this.#awaited.keys().next().value;
      if (longest === undefined) return false;
      this.counters.displaced++;
      this.#options.onFull?.();
      this.#remove(longest);
    }
    return true;
  }

  #await(socket: Socket, forMs: number): void {
    this.#heard(socket);
    const timer = setTimeout(() => {
      this.counters.late++;
      this.#remove(socket);
    }, forMs);
    this.#awaited.set(socket, timer.unref());
  }

  #heard(socket: Socket): void {
    clearTimeout(this.#awaited.get(socket));
    this.#awaited.delete(socket);
  }

  /** Its descriptor is closed before this returns. */
  #remove(socket: Socket): void {
    this.#heard(socket);
    this.#all.delete(socket);
    socket.destroy();
  }
}

/** `close` follows, and is where it is dealt with. */
function ignore(): void {}
