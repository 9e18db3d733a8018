/** Pods come, change and go. */
import { cutBetween } from '../cut.ts';
import { podOf } from '../node-pods.ts';
import type { Scenario, Stage } from '../scenario.ts';

const FIRST_MS = 2_000;

/** As many as on a full node, or nearly. */
const PODS = 30;

/** One pod changes somewhere this often. */
const CHANGE_INTERVAL_MS = 1_000;

/** Pods that change at one time, so that no datagram has room for what changed. */
const MANY = 20;

/** An owner that is cut off changes its pods this often. */
const CUT_INTERVAL_MS = 10_000;

/** What is left of the duration, for the last change to get everywhere. */
const AFTER_MS = 10_000;

export const podSteady: Scenario = {
  name: 'pod-steady',
  meaning: `each node has ${PODS} pods, and nothing happens`,
  durationMs: 600_000,
  podsPerNode: PODS,
  forbidsDeaths: true,
  run: ({ measure }) => measure(),
};

export const podChurn: Scenario = {
  name: 'pod-churn',
  meaning: `each node has ${PODS} pods, and one of them changes somewhere every second`,
  durationMs: 120_000,
  podsPerNode: PODS,
  measuresPods: true,
  run: (stage) =>
    repeat(stage, CHANGE_INTERVAL_MS, (turn) => change(stage, stage.cluster.random.pick(numbers(stage)), turn)),
};

export const podBurst: Scenario = {
  name: 'pod-burst',
  meaning: `${MANY} pods of one node change at once, more than a datagram can tell`,
  durationMs: 60_000,
  podsPerNode: PODS,
  measuresPods: true,
  run: (stage) =>
    repeat(stage, CUT_INTERVAL_MS, (turn) => change(stage, stage.cluster.random.pick(numbers(stage)), turn, MANY)),
};

export const podOwnerCutOff: Scenario = {
  name: 'pod-owner-cut-off',
  meaning: `a node is cut off from half of the others; now one of its pods changes, now ${MANY} at once`,
  durationMs: 120_000,
  minNodes: 4,
  podsPerNode: PODS,
  measuresPods: true,
  run: (stage) => {
    const { cluster, mark } = stage;
    cluster.clock.advance(FIRST_MS);
    const [owner, ...others] = cluster.random.some(cluster.running(), cluster.nodes.size);
    mark('cut off');
    const cuts = cutBetween([owner!], others.slice(0, others.length >> 1));
    cluster.cut(...cuts);
    repeat(stage, CUT_INTERVAL_MS, (turn) => change(stage, owner!, turn, turn % 2 === 0 ? 1 : MANY));
  },
};

export const podJoin: Scenario = {
  name: 'pod-join',
  meaning: `a node that knows nothing joins others with ${PODS} pods each`,
  durationMs: 60_000,
  minNodes: 3,
  podsPerNode: PODS,
  measuresPods: true,
  run: ({ cluster, mark, measure }) => {
    const number = cluster.nodes.size;
    cluster.crash(number);
    cluster.clock.advance(FIRST_MS);
    mark('joins');
    measure();
    cluster.pods.spreadMs = [];
    cluster.start(number);
  },
};

function repeat({ cluster, endMs, measure }: Stage, intervalMs: number, action: (turn: number) => void): void {
  const { clock, random } = cluster;
  clock.advance(random.between(0, intervalMs));
  measure();
  cluster.pods.spreadMs = [];
  for (let turn = 0; clock.nowMs() + intervalMs + AFTER_MS <= endMs; turn++) {
    action(turn);
    clock.advance(intervalMs);
  }
}

/** Some pods of a node are others, each time: as when a new version of what runs in them is rolled out. */
function change({ cluster }: Stage, number: number, turn: number, count = 1): void {
  const node = cluster.node(number);
  const changed = Array.from({ length: count }, (_, index) => podOf(number, (turn + index) % PODS, turn + 1));
  const names = new Set(changed.map(({ name }) => name));
  node.replacePods([...node.pods.filter(({ name }) => !names.has(name)), ...changed]);
}

function numbers({ cluster }: Stage): number[] {
  return cluster.running();
}
