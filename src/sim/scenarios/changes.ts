/** Nodes announce something else: a route, another address. */
import { extraPrefix } from '../node-announcement.ts';
import type { Scenario } from '../scenario.ts';

const FIRST_MS = 2_000;

/** A daemon looks at its addresses once a second. */
const NOTICE_MS = 1_000;

export const routeChange: Scenario = {
  name: 'route-change',
  meaning: 'one node announces a further prefix',
  durationMs: 30_000,
  run: ({ cluster, mark, measure }) => {
    cluster.clock.advance(FIRST_MS + cluster.random.between(0, 1_000));
    const number = cluster.random.pick(cluster.running());
    const { prefixes } = cluster.node(number).announcement;
    mark('route announced');
    measure();
    cluster.announce(number, { prefixes: [...prefixes, extraPrefix(number, 0)] });
  },
};

export const addressSwap: Scenario = {
  name: 'address-swap',
  meaning: 'two running nodes swap their addresses, and notice within a second',
  durationMs: 60_000,
  minNodes: 3,
  run: ({ cluster, mark, measure }) => {
    const { clock, random } = cluster;
    clock.advance(FIRST_MS);
    const [one, other] = random.some(cluster.running(), 2) as [number, number];
    const [here, there] = [cluster.node(one).place, cluster.node(other).place];
    mark('addresses swapped');
    measure();
    cluster.loseAddress(one);
    cluster.loseAddress(other);
    clock.after(random.between(0, NOTICE_MS), () => cluster.move(one, there));
    clock.after(random.between(0, NOTICE_MS), () => cluster.move(other, here));
    clock.advance(NOTICE_MS);
  },
};
