/**
 * Somebody on the network without the key of the cluster: tries to join, in plain or with a key of its own, and sends again
 * what it overheard. Nobody may learn of it, and nobody may answer.
 */
import { AnnouncementCache } from '../membership/announcement-cache.ts';
import { PodSetCache } from '../directory/holdings.ts';
import type { Cipher } from '../env/cipher.ts';
import type { SimulatedCluster } from './cluster.ts';
import { keyNumber } from './node-keys.ts';
import { SimulatedNode } from './node.ts';
import { SeededRandom } from './seeded-random.ts';

/** A key that the cluster never has. */
const FOREIGN_KEY = 0xf0_0d;

/** Datagrams that it remembers, and how often it sends one of them again, in ms. */
const MAX_OVERHEARD = 64;
const REPLAY_INTERVAL_MS = 100;

interface Overheard {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

export class Stranger {
  readonly #cluster: SimulatedCluster;
  readonly #node: SimulatedNode;
  readonly #random: SeededRandom;
  readonly #overheard: Overheard[] = [];
  #isThere = false;

  /** @param cipher for a key of its own; without, it speaks in plain. */
  constructor(cluster: SimulatedCluster, place: number, seed: number, cipher?: Cipher) {
    const { clock, network, watch } = cluster;
    this.#cluster = cluster;
    this.#random = new SeededRandom(seed, place);
    this.#node = new SimulatedNode(place, {
      clock,
      network,
      parameters: {},
      announcementCache: new AnnouncementCache(),
      podCache: new PodSetCache(),
      podsPerNode: 1,
      drawRandom: () => this.#random,
      drawPodRandom: () => this.#random,
      drawRulebookRandom: () => this.#random,
      onRulebook: () => undefined,
      ...(cipher !== undefined && { authentication: { cipher, key: keyNumber(cipher, FOREIGN_KEY) } }),
      onChange: (_, changes) => {
        const learned = changes.find(({ after }) => after !== undefined && after.announcement.name !== `n${place}`);
        if (learned !== undefined)
          watch.report('told-a-stranger', `a stranger learned of ${learned.after?.announcement.name}`);
      },
      onPods: (node, identities) => {
        if (identities.some((identity) => identity !== node.announcement.identity))
          watch.report('told-a-stranger', 'a stranger learned of pods');
      },
      onInput: (kind) => watch.report('answered-a-stranger', `a stranger without the key got a ${kind}`),
    });
  }

  /** Comes, and does what it can until it goes. */
  come(): void {
    const { clock, network } = this.#cluster;
    this.#isThere = true;
    this.#node.start(this.#cluster.seeds());
    network.onDatagram = (from, to, bytes) => {
      if (from === this.#node.number) return;
      const place = this.#overheard.length < MAX_OVERHEARD ? this.#overheard.length : this.#random.below(MAX_OVERHEARD);
      this.#overheard[place] = { from, to, bytes: Uint8Array.from(bytes) };
    };
    const replay = (): void => {
      if (!this.#isThere) return;
      if (this.#overheard.length > 0) this.#replay(this.#random.pick(this.#overheard));
      clock.after(REPLAY_INTERVAL_MS, replay);
    };
    clock.after(REPLAY_INTERVAL_MS, replay);
  }

  go(): void {
    this.#isThere = false;
    this.#cluster.network.onDatagram = undefined;
    this.#node.crash();
  }

  /** The same to the same, to another, from its own address, or with a bit turned. */
  #replay({ from, to, bytes }: Overheard): void {
    const { network, nodes } = this.#cluster;
    const forged = Uint8Array.from(bytes);
    if (this.#random.happens(0.25)) forged[this.#random.below(forged.length)]! ^= 1 << this.#random.below(8);
    const target = this.#random.happens(0.5) ? to : 1 + this.#random.below(nodes.size);
    network.forge(this.#random.happens(0.5) ? from : this.#node.number, target, forged);
  }
}
