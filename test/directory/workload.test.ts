import test from 'ava';
import { isOf, workloadKind, workloadOf, formatWorkload } from '../../src/directory/workload.ts';

const deployment = { 'pod-template-hash': '5d9c7b6f8' };
const set = { 'statefulset.kubernetes.io/pod-name': 'db-0', 'controller-revision-hash': 'db-6c9f' };
const daemons = { 'controller-revision-hash': '7f8d', 'pod-template-generation': '1' };
const job = { 'batch.kubernetes.io/job-name': 'load', 'job-name': 'load' };
const long = 'a'.repeat(60);

const madeBy = test.macro<[string, Readonly<Record<string, string>>, string | undefined]>({
  exec: (t, name, labels, expected) => {
    const workload = workloadOf({ name, labels });
    t.is(workload && formatWorkload(workload), expected);
    if (workload !== undefined) t.true(isOf(workload, { name, labels }));
  },
  title: (_, name, labels, expected) => `${name} (${Object.keys(labels)[0]}) is of ${expected ?? 'nothing'}`,
});

test(madeBy, 'web-5d9c7b6f8-abcde', deployment, 'deploy/web');
test(madeBy, 'web-front-5d9c7b6f8-abcde', deployment, 'deploy/web-front');
test(madeBy, 'db-0', set, 'sts/db');
test(madeBy, 'agent-x7k2p', daemons, 'ds/agent');
test(madeBy, 'load-x7k2p', job, 'job/load');
test(madeBy, 'load-0-x7k2p', { 'job-name': 'load' }, 'job/load');
test(madeBy, 'web', {}, undefined);
// A person gave it the label.
test(madeBy, 'web', deployment, undefined);
test(madeBy, `${long.slice(0, 58)}abcde`, deployment, undefined);

const isNot = test.macro<[string, string, Readonly<Record<string, string>>]>({
  exec: (t, word, name, labels) => {
    const [kind = '', of = ''] = word.split('/');
    t.false(isOf({ kind: workloadKind(kind)!, name: of }, { name, labels }));
  },
  title: (_, word, name) => `${name} is not of ${word}`,
});

test(isNot, 'deploy/web', 'web-front-5d9c7b6f8-abcde', deployment);
test(isNot, 'deploy/front', 'web-front-5d9c7b6f8-abcde', deployment);
test(isNot, 'deploy/web', 'web-5d9c7b6f8-abcde', {});
test(isNot, 'ds/db', 'db-0', set);
test(isNot, 'ds/web', 'web-front-abcde', daemons);
test(isNot, 'job/web', 'web-x7k2p', daemons);

test('the name of a Deployment counts as far as Kubernetes keeps it in that of a pod', (t) => {
  const pod = { name: `${`${long}-5d9c7b6f8-`.slice(0, 58)}abcde`, labels: deployment };
  t.true(isOf({ kind: 'deployment', name: long }, pod));
  t.false(isOf({ kind: 'deployment', name: 'b'.repeat(60) }, pod));
});

for (const word of ['deploy', 'deployment', 'deployments', 'deployment.apps']) {
  test(`${word} is a Deployment`, (t) => t.is(workloadKind(word), 'deployment'));
}

test('what is no kind of Kubernetes is none', (t) => {
  t.deepEqual(['shop', 'Deploy', 'constructor', ''].map(workloadKind), [undefined, undefined, undefined, undefined]);
});
