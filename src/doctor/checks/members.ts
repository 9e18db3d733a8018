/** Nodes that are gone without having said so. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { PeerFacts } from '../facts.ts';
import type { Fix } from '../finding.ts';

const finds: FindingKinds = {
  'node-dead': {
    severity: 'error',
    title: 'another node is dead: its pods cannot be reached',
    cause: 'its daemon or the machine ended without a word, or is cut off from all others',
    follows: ['firewall-closed', 'underlay-lost', 'address-translated'],
    scope: 'node',
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
    // Of several that died at once and left nobody, it is rather this one that is alone.
    const isAlone = dead.length > 1 && names.size === 0;
    const evidence = [
      ...dead.map(describe),
      ...(isAlone ? ['no other node is left: this one is probably cut off itself'] : []),
    ];
    const about = dead.map((peer) => ({ node: peer.name, evidence: [describe(peer)] }));
    return [found(finds, 'node-dead', evidence, isAlone ? reconnect(dead) : forget(dead), about)];
  },
};

function forget(dead: readonly PeerFacts[]): Fix {
  return byHand(
    'look after the node; one that never comes back is to be forgotten',
    ...dead.map(({ name }) => `weft peer forget ${name}`),
  );
}

function reconnect(dead: readonly PeerFacts[]): Fix {
  return byHand(
    'find out whether this node reaches anybody on the underlay',
    ...dead.map(({ name }) => `weft ping ${name} --count 2`),
  );
}

function describe({ name, endpoint, since }: PeerFacts): string {
  return `${name} (${endpoint}) is dead since ${since}`;
}
