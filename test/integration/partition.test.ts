/** A lab of five nodes falls into two parts that are dead to each other, and grows together again. */
import test from 'ava';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const left = ['n1', 'n2'] as const;
const right = ['n3', 'n4', 'n5'] as const;
const nodes = [...left, ...right];

/** A part notices that the other is gone within ten seconds, and that it is back within as many, if the machine has the time. */
const DEADLINE_MS = 120_000;

/** For how long the parts are dead to each other, in seconds: minutes and hours are for those who have them. */
const HELD_S = Number(process.env['WEFT_TEST_PARTITION_SECONDS'] ?? 15);

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', `${nodes.length}`, '--pods', '1');
});

test.after.always(async () => lab?.down());

async function changeLinks(verb: 'cut' | 'heal'): Promise<void> {
  for (const a of left) for (const b of right) await lab.lab(verb, a, b);
}

/** Names of the nodes to which `node` has routes, itself included. */
async function routed(node: string): Promise<string[]> {
  const routes = await lab.control(node).routes();
  return [...new Set(routes.map((route) => route.node))].sort();
}

async function untilRouted(part: readonly string[], wanted: readonly string[]): Promise<void> {
  for (const node of part) {
    await until(
      `${node} has routes to ${wanted.join(' ')} and no others`,
      async () => (await routed(node)).join() === wanted.join(),
      DEADLINE_MS,
    );
  }
}

/** What all nodes hold true, as a short text of each; one text if they agree. */
async function opinions(): Promise<Set<string>> {
  const digests = await Promise.all(nodes.map(async (node) => lab.control(node).digest()));
  return new Set(digests.map(({ routes, members }) => `${routes.digest} ${members.digest}`));
}

test.serial('each part goes on by itself while the other is dead to it', async (t) => {
  await changeLinks('cut');
  await Promise.all([untilRouted(left, left), untilRouted(right, right)]);
  t.true(await lab.reaches('n1-p1', '10.244.2.2'));
  t.true(await lab.reaches('n3-p1', '10.244.5.2'));
  t.false(await lab.reaches('n1-p1', '10.244.3.2', 1));
  await new Promise((resolve) => setTimeout(resolve, HELD_S * 1_000));
  await Promise.all([untilRouted(left, left), untilRouted(right, right)]);
});

test.serial('healed, all pods reach each other, all nodes hold the same, and nothing of the cut is left', async (t) => {
  await changeLinks('heal');
  await untilRouted(nodes, nodes);
  await until('all pods reach each other', async () => lab.isConnected(), DEADLINE_MS);
  await until('all nodes hold the same', async () => (await opinions()).size === 1, DEADLINE_MS);
  for (const node of nodes) {
    const wanted = nodes.filter((other) => other !== node).map((other) => `${other} alive `);
    await until(`${node} takes all for alive, and refuses nobody anything`, async () => {
      const peers = await lab.control(node).peers();
      return peers.map(({ name, state, refusals }) => `${name} ${state} ${refusals.join()}`).join() === wanted.join();
    });
    await until(`${node} has no notice`, async () => (await lab.control(node).status()).notices.length === 0);
    t.is((await lab.control(node).status()).residual, 0);
  }
});
