/**
 * Network policies of Kubernetes on a lab of two nodes: what a policy says holds at the edges of pods, from before a pod is there until the
 * policy is gone. The API server is a script on n1; kubelets and runtimes are played by the test.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Explanation } from '../../src/explain/explanation.ts';
import { KubernetesLab } from '../support/kubernetes-lab.ts';
import { runProgram } from '../support/program.ts';
import { type TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const runs = test.serial;

let cluster: KubernetesLab;
let lab: TestLab;

test.before(async () => {
  cluster = await KubernetesLab.up(['shop']);
  ({ lab } = cluster);
});

test.after.always(async () => cluster?.down());

/** Who may reach pods of an app of the namespace: pods with these labels; nobody without. */
function tellPolicy(app: string, from?: object): void {
  const ingress = from === undefined ? [] : [{ from: [{ podSelector: { matchLabels: from } }] }];
  cluster.tellPolicy(app, { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress'], ingress });
}

/** How a ping from a pod to web would fare, as n2 tells it. */
async function explain(from: string): Promise<Explanation> {
  const ends = [from, 'web'].map((pod) => cluster.addressOf(pod));
  return JSON.parse((await lab.tryAsk('n2', 'explain', ...ends, '--json')).stdout) as Explanation;
}

async function hasTable(): Promise<boolean> {
  return (await lab.tryExec('n1', 'nft', 'list', 'table', 'inet', 'weft-policy')).exitCode === 0;
}

runs('without policies all pods reach each other', async (t) => {
  for (const [node, name] of [
    ['n1', 'web'],
    ['n1', 'near'],
    ['n2', 'far'],
  ] as const) {
    cluster.tellPod(node, name, { app: name });
    await cluster.attach(node, name);
  }
  await cluster.untilReaches('far', 'web');
  t.true(await cluster.reaches('near', 'web'));
});

runs('a policy holds for pods of its node and of others, and only for whom it selects', async (t) => {
  tellPolicy('web', { app: 'near' });
  await cluster.untilDenied('far', 'web');
  t.true(await cluster.reaches('near', 'web'));
  t.true(await cluster.reaches('far', 'near'));
  t.true(await cluster.reaches('web', 'far'), 'answers come back');
});

runs('explain says which policy drops a packet, and of others that they pass', async (t) => {
  const [denied, allowed] = [await explain('far'), await explain('near')];
  t.is(`${denied.fate} ${denied.reason}`, 'dropped policy-denied');
  t.is(
    denied.decision?.text,
    'n1 drops it as policy-denied: ingress of pod shop/web, isolated by shop/web, no rule matches',
  );
  t.is(allowed.fate, 'delivered');
  const texts = allowed.nodes.flatMap(({ steps }) => steps.map(({ text }) => text));
  t.true(texts.includes('network policies let it pass: ingress of pod shop/web, by shop/web ingress[0].from[0]'));
});

runs(
  'explain names the node behind a client that it masquerades, and what its own address would have got',
  async (t) => {
    const from = [{ ipBlock: { cidr: '203.0.113.0/24' } }];
    const spec = { podSelector: { matchLabels: { app: 'near' } }, policyTypes: ['Ingress'], ingress: [{ from }] };
    cluster.tellPolicy('office', spec);
    await cluster.untilDenied('far', 'near');
    const near = cluster.addressOf('near');
    const tellOf = async (...ends: readonly string[]): Promise<Explanation> =>
      JSON.parse((await lab.tryAsk('n1', 'explain', ...ends, near, '--json')).stdout) as Explanation;
    const denied = 'n1 drops it as policy-denied: ingress of pod shop/near, isolated by shop/office, no rule matches';
    const seen = '10.244.2.1 is node n2 in the overlay, and for policies so is every client that n2 masquerades';
    t.is(
      (await tellOf('203.0.113.9', '--node', 'n2')).decision?.text,
      `${denied}; ${seen}; from 203.0.113.9, which was masqueraded, it would be allowed, by shop/office ingress[0].from[0]`,
    );
    const ofNode = await tellOf('198.18.0.2');
    t.deepEqual(ofNode.remarks, ['198.18.0.2 is the address of n2 on the underlay: n2 sends it']);
    t.is(ofNode.decision?.text, `${denied}; ${seen}`);
    cluster.removePolicy('office');
    await cluster.untilReaches('far', 'near');
  },
);

runs('a capture of drops shows what a policy denies, as tshark reads it, with the policy', async (t) => {
  const file = join(cluster.directory, 'drops.pcapng');
  const args = ['--socket', lab.files('n1').socket, 'capture', '--drops', '-w', file, 'icmp'];
  const capture = lab.background('n1', ...weft, ...args);
  await until('the capture has begun', () => capture.stderr.includes('capturing on'));
  await until('a denied packet was told', async () => {
    const told = (await lab.control('n1').status()).kernel.policyLog.denied;
    t.false(await cluster.reaches('far', 'web'));
    return told > 1;
  });
  await until('the packet is in the file', () => readFileSync(file).includes('policy-denied'));
  (await capture.end('SIGINT')).succeeded();
  const fields = ['frame.interface_name', 'frame.comment', 'ip.src', 'icmp.type'].flatMap((field) => ['-e', field]);
  const { stdout } = await runProgram(['tshark', '-r', file, '-T', 'fields', ...fields]);
  const expected = `n1/drop\tweft verdict=drop reason=policy-denied direction=ingress policy=shop/web`;
  t.true(stdout.startsWith(expected), stdout);
  t.true(stdout.includes(`\t${cluster.addressOf('far')}\t8`), stdout);
});

runs('an event tells the first packet of a flow that a policy denies', async (t) => {
  const [address, web] = [cluster.addressOf('far'), cluster.addressOf('web')];
  const told = async (): Promise<readonly string[]> => {
    const events = await lab.control('n1').events({ kind: 'policy-denied' });
    return events
      .filter(({ details: { source, destination } }) => source === address && destination === web)
      .map(({ message }) => message);
  };
  t.false(await cluster.reaches('far', 'web'));
  await until('it is told', async () => (await told()).length > 0);
  const [first] = await told();
  t.true(
    first!.startsWith(`icmp from ${address} to ${web} `) && first!.includes('ingress, isolated by shop/web'),
    first,
  );
  t.false(await cluster.reaches('far', 'web'));
  t.deepEqual(await told(), [first]);
});

runs('a label that a pod of another node gets lets it in', async (t) => {
  cluster.tellPod('n2', 'far', { app: 'near' });
  await cluster.untilReaches('far', 'web');
  cluster.tellPod('n2', 'far', { app: 'far' });
  await cluster.untilDenied('far', 'web');
  t.pass();
});

runs('a pod of another node that has more labels than are told is let in by none of them', async (t) => {
  const nobodyKeeps = { podSelector: { matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] } };
  const spec = { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from: [nobodyKeeps] }] };
  cluster.tellPolicy('web', spec);
  await cluster.untilReaches('far', 'web');
  // In order of their keys, the last one is not told.
  const many = Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`app-${at}`, 'x']));
  cluster.tellPod('n2', 'far', { ...many, zone: 'inner' });
  await cluster.untilDenied('far', 'web');
  t.like(await explain('far'), { fate: 'dropped', reason: 'policy-denied' });
  cluster.tellPod('n2', 'far', { app: 'far' });
  await cluster.untilReaches('far', 'web');
  tellPolicy('web', { app: 'near' });
  await cluster.untilDenied('far', 'web');
});

runs('a pod that is made under a policy is never open', async (t) => {
  tellPolicy('late');
  cluster.tellPod('n1', 'late', { app: 'late' });
  // Addresses are given out one after the other: it is tried from before the pod is there.
  const [, , , last] = cluster.addressOf('near').split('.');
  const next = cluster.addressOf('near').replace(/\d+$/, `${Number(last) + 1}`);
  const trying = lab.background(`near`, 'ping', '-n', '-i', '0.01', next);
  await cluster.attach('n1', 'late');
  t.is(cluster.addressOf('late'), next);
  t.false(await cluster.reaches('near', 'late'));
  t.regex((await trying.end('SIGINT')).stdout, /, 0 received/);
  cluster.removePolicy('late');
  await cluster.untilReaches('near', 'late');
});

runs('a pod whose labels are not known is isolated until they are, and that is told', async (t) => {
  let isWaiting = true;
  const waiting = cluster.attach('n1', 'stranger').finally(() => (isWaiting = false));
  cluster.tellPod('n1', 'quick', { app: 'quick' });
  await cluster.attach('n1', 'quick');
  t.true(isWaiting, 'it delays no other pod');
  await waiting;
  t.false(await cluster.reaches('near', 'stranger'));
  t.false(await cluster.reaches('stranger', 'near'));
  const { stdout } = await lab.tryAsk('n1', 'events', '--kind', 'policy', '--json');
  t.regex(stdout, /pod shop\/stranger is there, and its labels are not known yet: it is isolated/);
  cluster.tellPod('n1', 'stranger', {});
  await cluster.untilReaches('near', 'stranger');
});

runs('somebody who takes the rules away finds them back', async (t) => {
  t.false(await cluster.reaches('far', 'web'));
  await lab.exec('n1', 'nft', 'delete', 'table', 'inet', 'weft-policy');
  await until('the table is there again', hasTable);
  await cluster.untilDenied('far', 'web');
});

runs('a daemon that starts again cuts nothing that is allowed, and counts anew what is denied', async (t) => {
  const denied = async () => (await lab.control('n1').status()).kernel.refused['policy-denied'] ?? 0;
  t.false(await cluster.reaches('far', 'web'));
  await until('a denied packet is counted', async () => (await denied()) > 0);
  cluster.tellPod('n2', 'far', { app: 'near' });
  await cluster.untilReaches('far', 'web');
  await cluster.daemon('n1').end('SIGKILL');
  // Nobody tells of pods of n2 for a while.
  const n2 = cluster.daemon('n2').child;
  n2.kill('SIGSTOP');
  const started = cluster.start('n1');
  await lab.answers('n1');
  n2.kill('SIGCONT');
  await until('there is a plan', () =>
    `${started.stdout}${started.stderr}`.includes('policies are enforced from here'),
  );
  await cluster.untilReaches('far', 'web');
  t.deepEqual(await lab.control('n1').events({ kind: 'policy-connections-cut' }), []);
  t.is(await denied(), 0);
});

runs('policies hold while no daemon runs, and go when the next one asks no Kubernetes', async (t) => {
  cluster.tellPod('n2', 'far', { app: 'far' });
  await cluster.untilDenied('far', 'web');
  await cluster.daemon('n1').end('SIGKILL');
  tellPolicy('web');
  t.true(await cluster.reaches('near', 'web'), 'nobody heard of the change');
  const next = cluster.start('n1');
  await cluster.untilDenied('near', 'web');
  await lab.answers('n1');
  await next.end();
  t.false(await cluster.reaches('near', 'web'));
  cluster.start('n1', false);
  await until('the table is gone', async () => !(await hasTable()));
  await cluster.untilReaches('near', 'web');
});
