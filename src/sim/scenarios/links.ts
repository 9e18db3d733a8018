/** Links fail: between two halves, one way only, or again and again. */
import { cutBetween, type Cut } from '../cut.ts';
import type { Scenario, Stage } from '../scenario.ts';

const FIRST_MS = 2_000;

/** Share of the nodes on the smaller side. */
const SMALLER_SHARE = 0.4;

/** What is left of the duration after the cut healed. */
const AFTER_SHARE = 0.4;

/** A flapping link is up and down for as long as this by turns. */
const FLAP_LEAST_MS = 500;
const FLAP_MOST_MS = 8_000;

/** One flapping link per so many nodes. */
const NODES_PER_FLAPPING_LINK = 10;

export const partition: Scenario = {
  name: 'partition',
  meaning: '40 % of the nodes are cut off for longer than every time-out, then not',
  durationMs: 500_000,
  minNodes: 4,
  run: (stage) => split(stage, (some, others) => cutBetween(some, others)),
};

export const oneWayPartition: Scenario = {
  name: 'one-way-partition',
  meaning: 'what 40 % of the nodes send reaches none of the others, for longer than every time-out',
  durationMs: 500_000,
  minNodes: 4,
  run: (stage) => split(stage, (some, others) => [{ from: new Set(some), to: new Set(others) }]),
};

export const flappingLink: Scenario = {
  name: 'flapping-link',
  meaning: 'links between pairs of nodes fail and work by turns; all reach each other through others',
  durationMs: 300_000,
  minNodes: 4,
  forbidsDeaths: true,
  run: ({ cluster, durationMs, mark, measure }) => {
    const { clock, random } = cluster;
    clock.advance(FIRST_MS);
    const links = Math.max(1, Math.floor(cluster.nodes.size / NODES_PER_FLAPPING_LINK));
    const nodes = random.some(cluster.running(), 2 * links);
    const endMs = clock.nowMs() + 0.8 * durationMs;
    mark(`${links} links flap`);
    measure();
    for (let link = 0; link < links; link++) {
      const cuts = cutBetween([nodes[2 * link]!], [nodes[2 * link + 1]!]);
      const fail = (): void => {
        if (clock.nowMs() >= endMs) return;
        cluster.cut(...cuts);
        clock.after(random.between(FLAP_LEAST_MS, FLAP_MOST_MS), recover);
      };
      const recover = (): void => {
        cluster.heal(...cuts);
        clock.after(random.between(FLAP_LEAST_MS, FLAP_MOST_MS), fail);
      };
      fail();
    }
  },
};

function split(
  { cluster, durationMs, mark, measure }: Stage,
  cutsOf: (some: readonly number[], others: readonly number[]) => readonly Cut[],
): void {
  const { clock, random } = cluster;
  clock.advance(FIRST_MS);
  const numbers = random.some(cluster.running(), cluster.nodes.size);
  const smaller = Math.max(1, Math.round(SMALLER_SHARE * numbers.length));
  const cuts = cutsOf(numbers.slice(0, smaller), numbers.slice(smaller));
  mark('cut');
  cluster.cut(...cuts);
  clock.advance((1 - AFTER_SHARE) * durationMs - FIRST_MS);
  mark('healed');
  measure();
  cluster.heal(...cuts);
}
