/** Whether all nodes run the same weft. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import { nodesInWords } from '../node-words.ts';

const finds: FindingKinds = {
  'version-skew': {
    severity: 'warning',
    title: 'nodes run different versions of weft: what only the newer one can, is not used between them',
    cause: 'an upgrade that is under way, or that missed a node',
    scope: 'cluster',
  },
};

export const versions: DaemonCheck = {
  subject: 'versions of weft',
  needs: 'daemon',
  finds,
  look: ({ daemon: { version, peers } }) => {
    const live = peers.filter(
      ({ state, version: theirs }) => (state === 'alive' || state === 'suspect') && theirs !== '',
    );
    const others = new Set(live.map((peer) => peer.version).filter((theirs) => theirs !== version));
    if (others.size === 0) return [];
    const evidence = [...others].sort().map((theirs) => {
      const names = live.filter((peer) => peer.version === theirs).map(({ name }) => name);
      return `${nodesInWords(names)} ${names.length === 1 ? 'runs' : 'run'} weft ${theirs}, this node ${version}`;
    });
    return [found(finds, 'version-skew', evidence, byHand('bring all nodes to the same version'))];
  },
};
