/** Whether all nodes run the same weft. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';

const finds: FindingKinds = {
  'version-skew': {
    severity: 'warning',
    title: 'nodes run different versions of weft: what only the newer one can, is not used between them',
    cause: 'an upgrade that is under way, or that missed a node',
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
      return `${shortened(names)} ${names.length === 1 ? 'runs' : 'run'} weft ${theirs}, this node ${version}`;
    });
    return [found(finds, 'version-skew', evidence, byHand('bring all nodes to the same version'))];
  },
};

/** As many names as one wants to read. */
const MAX_NAMES = 5;

function shortened(names: readonly string[]): string {
  const rest = names.length - MAX_NAMES;
  return rest <= 0 ? names.join(', ') : `${names.slice(0, MAX_NAMES).join(', ')} and ${rest} more`;
}
