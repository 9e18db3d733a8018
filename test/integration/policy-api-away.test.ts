/** What becomes of pods that are made while the Kubernetes API is away, at a daemon that has never asked it: it knows what the one before stored. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { KubernetesLab } from '../support/kubernetes-lab.ts';
import { until } from '../support/until.ts';

/** Pauses between questions to an API that is away become as long. */
const BACK_DEADLINE_MS = 120_000;

let cluster: KubernetesLab;

test.before(async () => {
  cluster = await KubernetesLab.up(['shop', 'park']);
});

test.after.always(async () => cluster?.down());

test('a pod whose namespace has a policy is isolated until its labels are known, another is open, and both are told', async (t) => {
  const { lab } = cluster;
  const stored = join(lab.files('n1').stateDir, 'kubernetes.json');
  for (const name of ['near', 'web']) {
    cluster.tellPod('n1', name, { app: name });
    await cluster.attach('n1', name);
  }
  cluster.tellPolicy('web', { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [] });
  await cluster.untilDenied('near', 'web');
  await until('the policy is stored', () => existsSync(stored) && readFileSync(stored, 'utf8').includes('policyTypes'));

  await cluster.withdrawApi();
  await cluster.daemon('n1').end('SIGKILL');
  cluster.start('n1');
  await lab.answers('n1');
  t.false((await lab.control('n1').status()).kubernetes?.reachable);
  t.false(await cluster.reaches('near', 'web'), 'what was known is enforced');

  await cluster.attach('n1', 'late');
  await cluster.attach('n1', 'walker', 'park');
  t.false(await cluster.reaches('near', 'late'));
  t.false(await cluster.reaches('late', 'near'));
  t.true(await cluster.reaches('near', 'walker'));
  t.true(await cluster.reaches('walker', 'near'));
  const events = await lab.control('n1').events({ kind: 'policy-unsure' });
  t.deepEqual(
    events.map(({ message }) => message),
    [
      'pod shop/late is there, and its labels are not known yet: it is isolated in both directions until then, as policies may select it',
      'pod park/walker is there, and its labels are not known yet: it is open until then',
    ],
  );

  cluster.tellPod('n1', 'late', { app: 'late' });
  cluster.tellPod('n1', 'walker', {}, 'park');
  await cluster.returnApi();
  await until('labels are known', async () => await cluster.reaches('near', 'late'), BACK_DEADLINE_MS);
  t.true(await cluster.reaches('late', 'near'));
  t.false(await cluster.reaches('near', 'web'));
});
