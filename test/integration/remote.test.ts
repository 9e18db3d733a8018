/** Nodes that ask each other over their gossip ports, on a lab of three nodes with one pod each. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Key } from '../../src/api/control-api.ts';
import { generateKey } from '../../src/daemon/gossip/key-file.ts';

import type { Matrix } from '../../src/api/matrix-api.ts';
import type { DirectoryReport } from '../../src/api/directory-api.ts';
import type { FlowReport } from '../../src/explain/flow-report.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const nodes = ['n1', 'n2', 'n3'] as const;
type Node = (typeof nodes)[number];

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--pods', '1');
});

test.after.always(async () => lab?.down());

/** What all nodes say when `node` asks them; whoever says nothing is in `silent`. */
async function matrix(node: Node): Promise<Matrix> {
  return JSON.parse((await lab.tryAsk(node, 'matrix', '--count', '1', '--json')).stdout) as Matrix;
}

async function answered(node: Node): Promise<number> {
  const metrics = await lab.control(node).metrics();
  return Number(/^weft_remote_answered_questions_total (\d+)$/m.exec(metrics)?.[1]);
}

async function lastEvent(node: Node): Promise<number> {
  return (await lab.control(node).events()).at(-1)?.number ?? 0;
}

/** Waits until `node` hears from all, itself included. */
async function untilAllAnswer(node: Node): Promise<void> {
  await until(
    `all nodes answer ${node}`,
    async () => {
      const { rows, silent } = await matrix(node);
      return rows.map(({ from }) => from).join() === nodes.join() && silent.length === 0;
    },
    90_000,
  );
}

test.serial('every node answers every other, and gossip does not suffer', async (t) => {
  const events = await Promise.all(nodes.map(lastEvent));
  for (const node of nodes) {
    const before = await Promise.all(nodes.map(answered));
    await untilAllAnswer(node);
    const after = await Promise.all(nodes.map(answered));
    for (const [index, other] of nodes.entries()) {
      if (other !== node) t.true(after[index]! > before[index]!, `${other} was asked`);
    }
  }
  for (const [index, node] of nodes.entries()) {
    const since = await lab.control(node).events({ after: events[index]! });
    t.deepEqual(
      since.filter(({ kind }) => kind.startsWith('member-')),
      [],
    );
  }
});

/** Titles of the pods that `node` knows, of all nodes, with a label if one is given. */
async function knownPods(node: Node, ...label: readonly string[]): Promise<string[]> {
  const { stdout } = await lab.tryAsk(node, 'pods', '--all', ...label.flatMap((one) => ['--label', one]), '--json');
  return (JSON.parse(stdout) as DirectoryReport).pods.map(
    ({ node: at, namespace, name }) => `${at} ${namespace}/${name}`,
  );
}

test.serial('every node knows the pods of all: when one comes, and when it goes', async (t) => {
  const all = nodes.map((node) => `${node} default/p1`);
  for (const node of nodes) {
    await until(`${node} knows all pods`, async () => (await knownPods(node)).join() === all.join());
  }
  const added = await lab.tryAsk('n2', 'pod', 'add', 'web', '--namespace', 'shop', '--label', 'app=web', '--new');
  t.is(added.exitCode, 0, added.stderr);
  for (const node of nodes) {
    await until(`${node} knows the new one`, async () => (await knownPods(node, 'app=web')).join() === 'n2 shop/web');
  }
  const asked = await Promise.all(nodes.map(answered));
  const { stdout } = await lab.tryAsk('n1', 'ping', 'shop/web', '--count', '1');
  t.regex(stdout, /n2\/shop\/web/);
  t.deepEqual(await Promise.all(nodes.map(answered)), asked, 'for a name nobody is asked');
  t.is((await lab.tryAsk('n2', 'pod', 'rm', 'web', '--namespace', 'shop')).exitCode, 0);
  for (const node of nodes) {
    await until(`${node} knows that it went`, async () => (await knownPods(node)).join() === all.join());
  }
});

test.serial('a node that stands still is named, and the others answer', async (t) => {
  const { pid } = (await lab.status()).nodes.find(({ name }) => name === 'n3')!;
  process.kill(pid!, 'SIGSTOP');
  try {
    // Without a program in between, which takes its time to start: soon, gossip takes n3 for dead, and nobody asks it.
    const text = await lab.control('n1').text('/v1/flows?all=true');
    const [n1, n2, n3] = JSON.parse(text) as readonly FlowReport[];
    t.like([n1, n2, n3], [{ node: 'n1', error: '' }, { node: 'n2', error: '' }, { node: 'n3' }]);
    t.regex(n3!.error, /no answer within 5 s/);
  } finally {
    process.kill(pid!, 'SIGCONT');
  }
  await untilAllAnswer('n1');
});

test.serial('nodes that have moved are asked where they are', async (t) => {
  await lab.lab('address', 'n2', '198.18.0.102');
  await untilAllAnswer('n1');
  await untilAllAnswer('n2');
  t.pass();
});

test.serial('the new key of a cluster carries questions as the old one did', async (t) => {
  const file = join(lab.files('n1').directory, 'new.key');
  writeFileSync(file, `${generateKey()}\n`, { mode: 0o600 });
  const { id } = JSON.parse((await lab.tryAsk('n1', 'key', 'add', '--json', file)).succeeded()) as Key;
  await untilAllAnswer('n2');
  const [old] = (await lab.control('n1').keys()).filter(({ primary }) => primary);
  // Refused until every node has said that it holds, and then that it writes with the new one.
  await untilDone('use', id);
  await untilAllAnswer('n2');
  await untilDone('remove', old!.id);
  await until('nobody holds the old key', async () => {
    const keys = await Promise.all(nodes.map(async (node) => lab.control(node).keys()));
    return keys.every((known) => known.every((key) => key.id !== old!.id || !key.held));
  });
  for (const node of nodes) await untilAllAnswer(node);
  t.pass();
});

async function untilDone(verb: string, id: string): Promise<void> {
  await until(`weft key ${verb} ${id}`, async () => (await lab.tryAsk('n1', 'key', verb, id)).exitCode === 0);
}
