/** Nodes that are gone without having said so. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { PeerFacts } from '../facts.ts';

const finds: FindingKinds = {
  'node-dead': {
    severity: 'error',
    title: 'another node is dead: its pods cannot be reached',
    cause: 'its daemon or the machine ended without a word, or is cut off from all others',
    follows: ['firewall-closed', 'underlay-lost'],
  },
};

export const members: DaemonCheck = {
  subject: 'nodes that ended without a word',
  needs: 'daemon',
  finds,
  look: ({ daemon: { peers } }) => {
    // A node that came back as another one, with its name, has left its old self behind.
    const names = new Set(
      peers.filter(({ state }) => state === 'alive' || state === 'suspect').map(({ name }) => name),
    );
    const dead = peers.filter(({ name, state }) => state === 'dead' && !names.has(name));
    if (dead.length === 0) return [];
    return [
      found(
        finds,
        'node-dead',
        dead.map(describe),
        byHand(
          'look after the node; one that never comes back is to be forgotten',
          ...dead.map(({ name }) => `weft peer forget ${name}`),
        ),
      ),
    ];
  },
};

function describe({ name, endpoint, since }: PeerFacts): string {
  return `${name} (${endpoint}) is dead since ${since}`;
}
