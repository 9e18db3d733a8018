/** A node of ten is killed. */
import test from 'ava';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const NODES = 10;
const nodes = Array.from({ length: NODES }, (_, at) => `n${at + 1}`);

/** Gossip finds it dead within eight seconds, on a machine that has the time for ten daemons. */
const DEADLINE_MS = 120_000;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', `${NODES}`, '--pods', '0');
});

test.after.always(async () => lab?.down());

async function untilRouted(asked: readonly string[], wanted: readonly string[]): Promise<void> {
  await Promise.all(
    asked.map(async (node) =>
      until(
        `${node} has routes to ${wanted.join(' ')}`,
        async () => {
          const routes = await lab.control(node).routes();
          return (
            wanted.every((name) => routes.filter((route) => route.node === name).length === 2) &&
            routes.length === 2 * wanted.length
          );
        },
        DEADLINE_MS,
      ),
    ),
  );
}

test.serial('the routes to a node that is killed are gone everywhere, and nobody else is thought dead', async (t) => {
  const others = nodes.filter((node) => node !== 'n7');
  await lab.lab('kill', 'n7');
  await untilRouted(others, others);
  for (const node of others) {
    const peers = await lab.control(node).peers();
    t.deepEqual(
      peers.filter(({ state }) => state === 'dead').map(({ name }) => name),
      ['n7'],
    );
  }
});

test.serial('it is started again, and routed to from everywhere', async (t) => {
  await lab.lab('start', 'n7');
  await untilRouted(nodes, nodes);
  t.pass();
});
