/** Nodes end without a word. */
import type { Scenario } from '../scenario.ts';

const FIRST_MS = 2_000;

/** Share of the nodes that end together. */
const MASS_SHARE = 0.3;

export const crash: Scenario = {
  name: 'crash',
  meaning: 'one node ends without a word',
  durationMs: 60_000,
  minNodes: 3,
  run: ({ cluster, mark, measure }) => {
    cluster.clock.advance(FIRST_MS + cluster.random.between(0, 1_000));
    mark('crash');
    measure();
    cluster.crash(cluster.random.pick(cluster.running()));
  },
};

export const massCrash: Scenario = {
  name: 'mass-crash',
  meaning: '30 % of the nodes end at one moment',
  durationMs: 120_000,
  minNodes: 4,
  run: ({ cluster, mark, measure }) => {
    cluster.clock.advance(FIRST_MS);
    const numbers = cluster.running();
    const lost = cluster.random.some(numbers, Math.round(MASS_SHARE * numbers.length));
    mark(`${lost.length} crash`);
    measure();
    for (const number of lost) cluster.crash(number);
  },
};
