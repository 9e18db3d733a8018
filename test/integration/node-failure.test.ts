/** Nodes and links that fail and come back, on a lab of three nodes with one pod each. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Gossip finds a dead node in a cluster this small within eight seconds, on a machine that has the time. */
const GOSSIP_DEADLINE_MS = 90_000;

const pods = { n1: '10.244.1.2', n2: '10.244.2.2', n3: '10.244.3.2' } as const;
type Node = keyof typeof pods;
const nodes = Object.keys(pods) as Node[];

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--pods', '1');
});

test.after.always(async () => lab?.down());

async function reaches(from: Node, to: Node): Promise<boolean> {
  return await lab.reaches(`${from}-p1`, pods[to]);
}

/** Whether no echo comes back within a second. */
async function misses(from: Node, to: Node): Promise<boolean> {
  return !(await lab.reaches(`${from}-p1`, pods[to], 1));
}

/** Waits until `node` holds its peers for what is said: `n2 alive, n3 dead`. */
async function untilPeers(node: Node, wanted: string): Promise<void> {
  const peers = async (): Promise<string> =>
    (await lab.control(node).peers()).map(({ name, state }) => `${name} ${state}`).join(', ');
  await until(`the peers of ${node} are ${wanted}`, async () => (await peers()) === wanted, GOSSIP_DEADLINE_MS);
}

/** Waits until `node` has the two routes of `name` from this identity. */
async function untilOrigin(node: Node, name: Node, identity: string): Promise<void> {
  const origins = async (): Promise<string> => {
    const routes = await lab.control(node).routes();
    return routes.flatMap(({ node: of, origin }) => (of === name ? [origin] : [])).join();
  };
  await until(
    `${node} has the routes of ${name} from ${identity}`,
    async () => (await origins()) === [identity, identity].join(),
    GOSSIP_DEADLINE_MS,
  );
}

/** Names of the nodes to which `node` has routes, itself included. */
async function routed(node: Node): Promise<string> {
  const routes = await lab.control(node).routes();
  return [...new Set(routes.map((route) => route.node))].sort().join(' ');
}

async function untilRouted(node: Node, names: string): Promise<void> {
  await until(`${node} has routes to ${names}`, async () => (await routed(node)) === names, GOSSIP_DEADLINE_MS);
}

async function untilConnected(): Promise<void> {
  await Promise.all(nodes.map(async (node) => untilRouted(node, 'n1 n2 n3')));
  await until('all pods reach each other', async () => lab.isConnected(), GOSSIP_DEADLINE_MS);
}

test.serial('pods of a node that is cut off do not reach others, these reach each other, and it heals', async (t) => {
  await Promise.all([lab.lab('cut', 'n1', 'n2'), lab.lab('cut', 'n1', 'n3')]);
  t.deepEqual(await Promise.all([misses('n1', 'n2'), misses('n1', 'n3'), reaches('n2', 'n3')]), [true, true, true]);
  t.false(await lab.isConnected());
  await Promise.all([lab.lab('heal', 'n1', 'n2'), lab.lab('heal', 'n1', 'n3')]);
  await untilConnected();
  t.pass();
});

test.serial('routes to a killed node go everywhere, the others go on talking, and it comes back', async (t) => {
  await lab.lab('kill', 'n3');
  await Promise.all([untilRouted('n1', 'n1 n2'), untilRouted('n2', 'n1 n2')]);
  t.true(await reaches('n1', 'n2'));
  t.true(await reaches('n2', 'n1'));
  t.true(await misses('n1', 'n3'));
  await untilPeers('n1', 'n2 alive, n3 dead');
  await lab.lab('start', 'n3');
  await untilConnected();
});

test.serial('routes to a node that ends in order go at once', async (t) => {
  await lab.lab('stop', 'n3');
  await Promise.all([untilRouted('n1', 'n1 n2'), untilRouted('n2', 'n1 n2')]);
  await untilPeers('n1', 'n2 alive, n3 left');
  await lab.lab('start', 'n3');
  await untilConnected();
  t.pass();
});

test.serial('a node that is killed and started while it is cut off comes back when the cuts heal', async (t) => {
  await Promise.all([lab.lab('cut', 'n3', 'n1'), lab.lab('cut', 'n3', 'n2')]);
  await lab.lab('kill', 'n3');
  await Promise.all([untilRouted('n1', 'n1 n2'), untilRouted('n2', 'n1 n2')]);
  await lab.lab('start', 'n3');
  t.is(await routed('n3'), 'n3');
  t.true(await reaches('n1', 'n2'));
  await Promise.all([lab.lab('heal', 'n3', 'n1'), lab.lab('heal', 'n3', 'n2')]);
  await untilConnected();
});

test.serial('a node that moves to the other side of a cut is routed to there', async (t) => {
  await Promise.all([lab.lab('cut', 'n1', 'n2'), lab.lab('cut', 'n1', 'n3')]);
  await Promise.all([untilRouted('n1', 'n1'), untilRouted('n2', 'n2 n3'), untilRouted('n3', 'n2 n3')]);
  await Promise.all([lab.lab('cut', 'n2', 'n3'), lab.lab('heal', 'n1', 'n3')]);
  await Promise.all([untilRouted('n1', 'n1 n3'), untilRouted('n3', 'n1 n3'), untilRouted('n2', 'n2')]);
  t.true(await reaches('n1', 'n3'));
  t.true(await misses('n2', 'n3'));
  await Promise.all([lab.lab('heal', 'n1', 'n2'), lab.lab('heal', 'n2', 'n3')]);
  await untilConnected();
});

test.serial('a node without its old state takes its name over once its old self is dead', async (t) => {
  const { identity } = await lab.control('n3').status();
  await lab.lab('kill', 'n3');
  rmSync(lab.files('n3').stateDir, { recursive: true });
  await lab.lab('start', 'n3');
  const successor = (await lab.control('n3').status()).identity;
  t.not(successor, identity);
  await untilOrigin('n1', 'n3', successor);
  // With the state went its leases.
  await lab.control('n3').addPod('p1', { netns: `${lab.name}-n3-p1` });
  await untilConnected();
});

/** Starts n3's daemon as one that claims to be n1, with an identity of the test's choice. */
async function startImpostor(identity: string): Promise<Program> {
  writeFileSync(join(lab.files('n3').stateDir, 'identity.json'), JSON.stringify({ identity, incarnation: 0 }));
  const impostor = lab.daemon('n3', '--node-name', 'n1', '--node-prefixes', '10.244.1.0/24,fd00:10:244:1::/64');
  await lab.answers('n3');
  return impostor;
}

/** What the refused node, the keeper and a third node say about the refusal: each of them has to name both. */
async function untilReported(keeper: Node, loser: Node, keeperIdentity: string, loserIdentity: string): Promise<void> {
  const names = (texts: readonly string[]): boolean =>
    texts.some((text) => text.includes(keeperIdentity) && text.includes(loserIdentity));
  for (const node of nodes) {
    await until(
      `the status of ${node} names both sides of the conflict`,
      async () => names((await lab.control(node).status()).notices.map(({ message }) => message)),
      GOSSIP_DEADLINE_MS,
    );
    if (node === loser) continue;
    await until(
      `the peers of ${node} tell that ${keeper} keeps what ${loser} claims`,
      async () => {
        const peers = await lab.control(node).peers();
        return names(peers.find(({ identity }) => identity === loserIdentity)?.refusals ?? []);
      },
      GOSSIP_DEADLINE_MS,
    );
  }
}

test.serial('of two nodes with one name and the same prefixes the lower identity keeps them, everywhere', async (t) => {
  const { identity } = await lab.control('n1').status();
  await lab.lab('stop', 'n3');

  const higher = 'f'.repeat(32);
  const loser = await startImpostor(higher);
  await untilReported('n1', 'n3', identity, higher);
  await untilOrigin('n2', 'n1', identity);
  t.true(await reaches('n2', 'n1'));
  await loser.end();

  const lower = '0'.repeat(32);
  const winner = await startImpostor(lower);
  await untilReported('n3', 'n1', lower, identity);
  await untilOrigin('n2', 'n1', lower);
  await winner.end();

  await until('n1 has its prefixes again', async () => reaches('n2', 'n1'), GOSSIP_DEADLINE_MS);
});
