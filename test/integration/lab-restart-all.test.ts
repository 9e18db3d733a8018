/** All daemons of a lab of four nodes end at once, and come back. */
import test from 'ava';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const nodes = ['n1', 'n2', 'n3', 'n4'] as const;

/** All find each other again within seconds, on a machine that has the time. */
const DEADLINE_MS = 120_000;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', `${nodes.length}`, '--pods', '1');
});

test.after.always(async () => lab?.down());

/** Names of those whose daemon runs. */
async function running(): Promise<string[]> {
  return (await lab.status()).nodes.filter(({ pid }) => pid !== null).map(({ name }) => name);
}

async function identities(): Promise<string[]> {
  return Promise.all(nodes.map(async (node) => (await lab.control(node).status()).identity));
}

async function untilWhole(): Promise<void> {
  for (const node of nodes) {
    await until(
      `${node} has the routes of all, and knows nobody who is gone`,
      async () => {
        const [routes, peers] = await Promise.all([lab.control(node).routes(), lab.control(node).peers()]);
        return routes.length === 2 * nodes.length && peers.every(({ state }) => state === 'alive');
      },
      DEADLINE_MS,
    );
  }
  await until('all pods reach each other', async () => lab.isConnected(), DEADLINE_MS);
}

for (const [verb, what] of [
  ['kill', 'killed'],
  ['stop', 'stopped'],
] as const) {
  test.serial(`all daemons are ${what} at once and started: every pod reaches every other again`, async (t) => {
    const before = await identities();
    await Promise.all(nodes.map(async (node) => lab.lab(verb, node)));
    t.deepEqual(await running(), []);
    await Promise.all(nodes.map(async (node) => lab.lab('start', node)));
    await untilWhole();
    t.deepEqual(await identities(), before);
  });
}

test.serial('the last one to be started is found by those that were there first', async (t) => {
  await Promise.all(nodes.map(async (node) => lab.lab('kill', node)));
  for (const node of nodes.toReversed()) await lab.lab('start', node);
  await untilWhole();
  t.pass();
});
