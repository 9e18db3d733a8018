/** Keys of imaginary clusters, and nodes that hold them. */
import { clusterKey, type ClusterKey } from '../../src/authentication/cluster-key.ts';
import { SealedGossip, type SealedGossipOptions } from '../../src/authentication/sealed-gossip.ts';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import type { Endpoint } from '../../src/wire/address.ts';
import { endpoint, identityOf } from './announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

/** Key `number`, 1 to 255. */
export function keyOf(number: number): ClusterKey {
  return clusterKey(nodeCipher, new Uint8Array(32).fill(number));
}

/** The ring of a node that never changes it; the first key is the primary. */
export function fixedKeys(...keys: readonly [ClusterKey, ...ClusterKey[]]): SealedGossipOptions['keys'] {
  return { primary: keys[0], all: keys, find: (id) => keys.find((key) => key.id === id) };
}

/** Where node `number` is. */
export function endpointOf(number: number): Endpoint {
  return endpoint(`198.18.0.${number}:7948`);
}

/** A process of node `number`, which holds key 1. Each `life` draws another salt. */
export function sealingNode(number: number, change: Partial<SealedGossipOptions> = {}, life = 1): SealedGossip {
  return new SealedGossip({
    network: 'default',
    identity: identityOf(number),
    keys: fixedKeys(keyOf(1)),
    cipher: nodeCipher,
    random: new SeededRandom(1_000 * number + life),
    ...change,
  });
}
