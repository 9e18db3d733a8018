/** Nothing fails: everybody has to stay alive. */
import type { Scenario } from '../scenario.ts';

/** Share of the nodes that are slow. */
const SLOW_SHARE = 0.02;

export const steady: Scenario = {
  name: 'steady',
  meaning: 'nothing happens',
  durationMs: 600_000,
  forbidsDeaths: true,
  run: ({ measure }) => measure(),
};

export const slowNode: Scenario = {
  name: 'slow-node',
  meaning: '2 % of the nodes, at least one, handle what comes in 0.5 to 2 s late',
  durationMs: 600_000,
  minNodes: 3,
  forbidsDeaths: true,
  run: ({ cluster, mark, measure }) => {
    const slow = cluster.random.some(cluster.running(), Math.max(1, Math.round(SLOW_SHARE * cluster.nodes.size)));
    mark(`${slow.length} get slow`);
    measure();
    for (const number of slow) cluster.setSlow(number, true);
  },
};
