/** When news is sent without being asked for, and to whom. */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { Endpoint } from '../wire/address.ts';
import type { Dissemination } from './dissemination.ts';
import { drawIndex, drawSome, jitter } from './draw.ts';
import type { MemberTable } from './member-table.ts';
import type { MemberRecord } from './member-record.ts';
import type { Parameters } from './parameters.ts';

/** News waits at most this long for more that may come with it, in ms. */
const GATHERING_MS = 20;

export interface GossipRoundsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly parameters: Pick<Parameters, 'gossipIntervalMs' | 'gossipFanout' | 'gossipToDeadMs'>;
  readonly table: MemberTable;
  readonly dissemination: Dissemination;
  /** Sends a datagram full of news. */
  readonly send: (to: Endpoint) => void;
}

/**
 * A round soon after news came, further ones once per gossip interval while any waits, none otherwise.
 *
 * memberlist looks every 200 ms whether there is anything to send, so that news waits 100 ms at each of the five or six
 * nodes on its way through 1 000. Here the first round follows at once, and most have heard within 100 ms in all; the
 * later rounds reach the rest. As many datagrams are sent, and a node at rest has no timer.
 *
 * Those who died a short while ago get some too, as in memberlist: who did not, is told so and refutes.
 */
export class GossipRounds {
  readonly #options: GossipRoundsOptions;
  /** Who died a short while ago, the first first. Some of them may be alive again. */
  readonly #dead: { readonly identity: string; readonly diedMs: number }[] = [];
  #isScheduled = false;
  #isStopped = false;
  #lastRoundMs = -Infinity;

  constructor(options: GossipRoundsOptions) {
    this.#options = options;
  }

  /** No more rounds. */
  stop(): void {
    this.#isStopped = true;
  }

  /** A member is in another state than before. */
  follow({ announcement, state }: MemberRecord): void {
    if (state === 'dead') this.#dead.push({ identity: announcement.identity, diedMs: this.#options.clock.nowMs() });
  }

  /** There is news. */
  soon(): void {
    if (this.#isScheduled) return;
    const { clock, random, parameters } = this.#options;
    const gatheringMs = (GATHERING_MS * random.uint32()) / 0x1_0000_0000;
    const earliestMs = this.#lastRoundMs + parameters.gossipIntervalMs - clock.nowMs();
    this.#schedule(Math.max(gatheringMs, earliestMs));
  }

  /** Sends what waits to `count` random live members. */
  now(count: number): void {
    const { random, table, dissemination, send } = this.#options;
    if (dissemination.length === 0) return;
    for (const { announcement } of drawSome(random, table.liveOthers(), count)) {
      if (dissemination.length === 0) return;
      send(announcement.gossipEndpoint);
    }
  }

  #schedule(delayMs: number): void {
    const { clock, random, parameters, table, dissemination } = this.#options;
    this.#isScheduled = true;
    clock.after(delayMs, () => {
      this.#isScheduled = false;
      if (this.#isStopped) return;
      this.#lastRoundMs = clock.nowMs();
      this.#sendToDead();
      this.now(parameters.gossipFanout);
      // With nobody there, news waits for the first to come, which is news itself.
      const hasMore = dissemination.length > 0 && table.liveOthers().length > 0;
      if (hasMore && !this.#isScheduled) this.#schedule(jitter(random, parameters.gossipIntervalMs));
    });
  }

  /** In as many rounds as there are dead among all, one of them gets a datagram on top. */
  #sendToDead(): void {
    const { clock, random, parameters, table, send } = this.#options;
    const dead = this.#dead;
    while (dead.length > 0 && clock.nowMs() - dead[0]!.diedMs >= parameters.gossipToDeadMs) dead.shift();
    if (dead.length === 0) return;
    const drawn = dead[drawIndex(random, table.clusterSize() + dead.length)];
    const record = drawn && table.get(drawn.identity);
    if (record?.state === 'dead') send(record.announcement.gossipEndpoint);
  }
}
