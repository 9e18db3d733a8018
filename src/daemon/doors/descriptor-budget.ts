/**
 * How many connections each door of this process lets in, out of the descriptors that there are: as many as it wishes for, or a part
 * of that where there are few. What the daemon needs for itself is never given out: programs that it starts, files, sockets at
 * another underlay address, questions to other nodes.
 */
import { descriptorLimit, openDescriptors } from '../../linux/descriptors.ts';
import type { Notice } from '../../api/control-api.ts';

/** Connections that each door lets in at a time if nothing is short: more than are ever of use at once. */
const wishes = {
  /** Prometheus, and a person who looks. */
  metrics: 32,
  /** `weft.sock`: a runtime that starts many pods at a time. */
  control: 32,
  /** `weft-ro.sock` */
  reading: 32,
  /** `weft-capture.sock` */
  capture: 16,
  /** Streams of gossip that have not said what they want. */
  gossip: 64,
  /** Streams of gossip that became a conversation. */
  conversations: 64,
} as const;

export type Door = keyof typeof wishes;

const wished = Object.values(wishes).reduce((sum, wish) => sum + wish, 0);

/** However few descriptors there are. */
const LEAST = 4;

/**
 * Kept for the daemon's own needs: 16 programs at a time with three pipes each and some to start them, 16 questions to other nodes and
 * as many exchanges of gossip, the thread of captures, files.
 */
const RESERVE = 112;

/** What names may take, for clients over TCP and for questions to resolvers: an eighth of all, within these. */
const NAMES_SHARE = 1 / 8;
const NAMES_LEAST = 16;
const NAMES_MOST = 320;

/** Of each worker, when the underlay has another address: it opens what it has once more. */
const RESERVE_PER_WORKER = 18;

/** What a daemon has open before anybody came, for as long as that was not counted. */
const OPEN_AT_START = 64;

/** @param room descriptors that may go to connections */
function connectionsAt(door: Door, room: number): number {
  const wish = wishes[door];
  return room >= wished ? wish : Math.max(LEAST, Math.floor((wish * Math.max(0, room)) / wished));
}

export interface DescriptorBudgetOptions {
  readonly workers: number;
  /** Absent: this process's. */
  readonly limit?: () => number;
  readonly open?: () => number;
}

export class DescriptorBudget {
  readonly #limit: () => number;
  readonly #open: () => number;
  readonly #reserve: number;
  #own: number;

  constructor({ workers, limit = descriptorLimit, open = openDescriptors }: DescriptorBudgetOptions) {
    this.#limit = limit;
    this.#open = open;
    this.#reserve = RESERVE + RESERVE_PER_WORKER * workers;
    this.#own = OPEN_AT_START + RESERVE_PER_WORKER * workers;
  }

  /** All is open that stays open: it is the daemon's own. */
  settle(): void {
    this.#own = this.#open();
  }

  /** How many connections `door` may have now. Asked for each: somebody may change the limit. */
  mostAt(door: Door): number {
    return connectionsAt(door, this.#room);
  }

  /** How many the thread of names may have open, beside its own sockets. */
  get mostOfNames(): number {
    return Math.min(NAMES_MOST, Math.max(NAMES_LEAST, Math.floor(this.#limit() * NAMES_SHARE)));
  }

  /** That there are too few for what doors wish for. */
  notices(): Notice[] {
    if (this.#room >= wished) return [];
    const doors = (Object.keys(wishes) as Door[]).map((door) => `${door} ${this.mostAt(door)} of ${wishes[door]}`);
    const message = `this process may have ${this.#limit()} descriptors (RLIMIT_NOFILE), and wants ${this.#own + this.#reserve + this.mostOfNames + wished}: fewer connections are let in (${doors.join(', ')}); raise LimitNOFILE= of the systemd unit, or --ulimit nofile= of the container`;
    return [{ code: 'descriptors-few', message }];
  }

  get #room(): number {
    return this.#limit() - this.#own - this.#reserve - this.mostOfNames;
  }
}
