/** How long it takes until the kernel enforces a change, from when the daemon hears of it: each kind of change, one after the other. */
import { WeftError } from '../../src/errors.ts';
import { pause } from '../interruption.ts';
import * as cluster from './policy-cluster.ts';
import type { PolicyLab } from './policy-lab.ts';

/** What follows later than this, in ms, is not of the same change. */
const QUIET_MS = 150;

/** The directory tells of a node's pods once a second; and they are more than one datagram holds, where all of them change. */
const PODS_QUIET_MS = 500;

/** What concerns hundreds of pods, or all policies, is measured so many times less often. */
const LARGE_SHARE = 10;

/** Of changes, in ms. */
export interface ChangeFigures {
  readonly title: string;
  readonly ms: readonly number[];
  /** What thousands of them cost is told, and is no matter of one change. */
  readonly isLarge: boolean;
}

interface Kind {
  readonly title: string;
  readonly isLarge?: boolean;
  /** Makes change `round`: something else is enforced then than before. */
  readonly make: (lab: PolicyLab, round: number) => void;
  /** The daemon does not hear of it before this returns, but when gossip tells it. */
  readonly isGossip?: boolean;
}

const kinds: readonly Kind[] = [
  {
    title: 'rules of a policy',
    make: ({ world }, round) => world.tellPolicy(rulesPolicy(round), 1 + Math.floor(round / cluster.NAMESPACES)),
  },
  {
    title: 'a policy goes, and comes back',
    make: ({ world }, round) => world.tellPolicy(Math.floor(round / 2) % cluster.NAMESPACES, 0, round % 2 === 0),
  },
  {
    title: 'labels of a pod of the node',
    make: ({ a, world }, round) =>
      world.tellPod(a.node.name, cluster.clusterPod(0, serialOf(round)), { app: applicationOf(round) }),
  },
  {
    title: 'labels of a pod of another node',
    isGossip: true,
    make: ({ world }, round) => {
      // Those of earlier rounds stay as they are: what changes back at once, no datagram tells.
      const labels: cluster.Labels[] = [];
      for (let past = 0; past <= round; past++)
        labels[serialOf(past)] = { app: `nobody-${Math.floor(past / cluster.PODS_PER_NODE)}`, tier: 'none' };
      world.replacePods(labels);
    },
  },
  {
    title: 'labels of a namespace of 100 pods',
    make: ({ world }, round) => world.tellNamespace(round % cluster.NAMESPACES, teamOf(round)),
  },
  {
    title: '200 pods of another node go, and come back',
    isLarge: true,
    isGossip: true,
    make: ({ world }, round) => world.replacePods(round % 2 === 0 ? undefined : []),
  },
];

/** @param lab with all policies. @param changes how many of each kind */
export async function measureChanges(
  lab: PolicyLab,
  changes: number,
  progress: (step: string) => void,
): Promise<readonly ChangeFigures[]> {
  const figures: ChangeFigures[] = [];
  for (const kind of kinds) {
    const { title, isLarge = false } = kind;
    const rounds = isLarge ? Math.ceil(changes / LARGE_SHARE) : changes;
    progress(`${title}: ${rounds} times`);
    const ms: number[] = [];
    for (let round = 0; round < rounds; round++) ms.push(await measureChange(lab, kind, round));
    figures.push({ title, ms, isLarge });
  }
  progress('all policies go, and come back');
  const ms: number[] = [];
  for (let round = 0; round < Math.ceil(changes / LARGE_SHARE); round++)
    ms.push(await lab.setPolicies(round % 2 !== 0));
  if (ms.length % 2 === 1) await lab.setPolicies(true);
  return [...figures, { title: `all ${cluster.POLICIES} policies go, and come back`, ms, isLarge: true }];
}

async function measureChange(lab: PolicyLab, { make, isGossip = false }: Kind, round: number): Promise<number> {
  const beganMs = performance.now();
  const endMs = await lab.table.after(() => make(lab, round), isGossip ? PODS_QUIET_MS : QUIET_MS);
  const heardMs = isGossip ? lab.world.podsToldMs : beganMs;
  if (heardMs > endMs) throw new WeftError('bench-failed', 'rules changed before anybody was told why');
  // What comes after a change, such as a look at connections, belongs to no other.
  await pause(QUIET_MS);
  return endMs - heardMs;
}

/** One of those that say who may ask an application of which the node has pods. */
function rulesPolicy(round: number): number {
  return 3 * cluster.NAMESPACES + (round % cluster.NAMESPACES);
}

function serialOf(round: number): number {
  return (round * 7) % cluster.PODS_PER_NODE;
}

/** Another one than the pod has: its own is below 5, and when its turn comes again, the next. */
function applicationOf(round: number): string {
  return `service-${5 + ((round + Math.floor(round / cluster.PODS_PER_NODE)) % (cluster.APPLICATIONS - 5))}`;
}

/** Another one than before. */
function teamOf(round: number): cluster.Labels {
  const namespace = round % cluster.NAMESPACES;
  return { team: `team-${(namespace + 1 + Math.floor(round / cluster.NAMESPACES)) % 10}` };
}
