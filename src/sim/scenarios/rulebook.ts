/** Somebody gives policies to the cluster. */
import { policyOf } from '../policy-manifest.ts';
import type { Scenario, Stage } from '../scenario.ts';

/** One policy changes somewhere this often, and many at once this often. */
const CHANGE_INTERVAL_MS = 2_000;
const BURST_INTERVAL_MS = 10_000;

/** Policies that are there from the beginning, and that are given at once. */
const POLICIES = 100;
const MANY = 500;

const FIRST_MS = 2_000;

/** What is left of the duration, for the last change to get everywhere. */
const AFTER_MS = 10_000;

export const rulebookChange: Scenario = {
  name: 'policy-change',
  meaning: `of ${POLICIES} policies one changes somewhere, or is deleted, every ${CHANGE_INTERVAL_MS / 1_000} s`,
  durationMs: 120_000,
  measuresRulebook: true,
  run: (stage) => {
    give(stage, 0, POLICIES);
    repeat(stage, CHANGE_INTERVAL_MS, (turn) => {
      if (turn % 4 === 3) remove(stage, turn - 1);
      else give(stage, turn, 1, turn);
    });
  },
};

export const rulebookBurst: Scenario = {
  name: 'policy-burst',
  meaning: `somebody gives ${MANY} policies at once, and others later`,
  durationMs: 60_000,
  measuresRulebook: true,
  run: (stage) => repeat(stage, BURST_INTERVAL_MS, (turn) => give(stage, 0, MANY, turn)),
};

export const rulebookJoin: Scenario = {
  name: 'policy-join',
  meaning: `a node that knows nothing joins others, which hold ${MANY} policies`,
  durationMs: 60_000,
  minNodes: 3,
  measuresRulebook: true,
  run: ({ cluster, mark, measure, ...stage }) => {
    const number = cluster.nodes.size;
    cluster.crash(number);
    cluster.node(number).forgetState();
    give({ cluster, mark, measure, ...stage }, 0, MANY);
    cluster.clock.advance(FIRST_MS + AFTER_MS);
    mark('joins');
    measure();
    cluster.rulebooks.spreadMs = [];
    cluster.start(number);
  },
};

function repeat({ cluster, endMs, measure }: Stage, intervalMs: number, action: (turn: number) => void): void {
  const { clock, random } = cluster;
  clock.advance(FIRST_MS + random.between(0, intervalMs));
  measure();
  cluster.rulebooks.spreadMs = [];
  for (let turn = 0; clock.nowMs() + intervalMs + AFTER_MS <= endMs; turn++) {
    action(turn);
    clock.advance(intervalMs);
  }
}

/** Somewhere, policies are others from now on. */
function give(stage: Stage, first: number, count: number, revision = 0): void {
  const wishes = Array.from({ length: count }, (_, index) => policyOf((first + index) % MANY, revision));
  somewhere(stage).rulebook.give(wishes, () => undefined);
}

function remove(stage: Stage, serial: number): void {
  somewhere(stage).rulebook.give([{ ...policyOf(serial), object: undefined }], () => undefined);
}

function somewhere({ cluster }: Stage): ReturnType<typeof cluster.node> {
  return cluster.node(cluster.random.pick(cluster.running()));
}
