/** A whole check, against a kubectl that plays a cluster. */
import test, { type ExecutionContext } from 'ava';
import { formatOutcome, formatSummary, isGood } from '../../src/cli/kubernetes-check-view.ts';
import { checkCluster, type ClusterCheckOptions, type CheckOutcome } from '../../src/kubectl/cluster-check.ts';
import { Kubectl } from '../../src/kubectl/kubectl.ts';
import { daemonPod, KubectlDouble } from '../support/kubectl-double.ts';

const ready = [{ type: 'Ready', status: 'True' }];
const pod = (name: string, ...ips: string[]) => ({
  metadata: { name },
  status: { phase: 'Running', conditions: ready, podIPs: ips.map((ip) => ({ ip })) },
});
const service = (name: string, ip: string) => ({ metadata: { name }, spec: { clusterIPs: [ip] } });
const pods = [
  pod('client', '10.244.1.2'),
  pod('near', '10.244.1.3'),
  pod('far', '10.244.2.3'),
  pod('host', '198.18.0.1'),
];
const answer = (ok: boolean, detail: string): string => `echo '${JSON.stringify({ ok, detail, tookMs: 1.5 })}'`;

/** @param exec answers of clients, by what their order has */
function answersOf(exec: Readonly<Record<string, string>>, items: readonly object[] = pods) {
  return {
    'get pods -n weft -l *': KubectlDouble.json({ items: [daemonPod('n1'), daemonPod('n2')] }),
    'create *': 'cat >>"$(dirname "$0")/made"',
    'get pods -n weft-check-*': KubectlDouble.json({ items }),
    'get services *': KubectlDouble.json({ items: [service('near', '10.96.0.7'), service('far', '10.96.0.8')] }),
    'delete namespace weft-check-*': ':',
    'get namespace weft-check-* --ignore-not-found*': ':',
    ...exec,
  };
}

const healthy = {
  '*udp*10.244.*': answer(true, 'packets of 1450 bytes'),
  '*exec*10.244.1.3"*|*exec*10.96.0.7"*': answer(true, 'near'),
  '*exec*10.244.2.3"*|*exec*10.96.0.8"*': answer(true, 'far'),
  '*exec*dns*': answer(true, '10.96.0.7'),
};

function check(
  t: ExecutionContext,
  answers: Readonly<Record<string, string>>,
  more: Partial<ClusterCheckOptions> = {},
) {
  const double = new KubectlDouble(answers, 'echo "explained $*"');
  t.teardown(() => double.remove());
  const told: CheckOutcome[] = [];
  const checking = checkCluster({
    kubectl: new Kubectl({ program: double.program }),
    weftNamespace: 'weft',
    readyMs: 60_000,
    onProgress: () => undefined,
    onOutcome: (outcome) => told.push(outcome),
    signal: new AbortController().signal,
    ...more,
  });
  return { double, told, checking };
}

const terminal = { colour: false, widthColumns: undefined };

test('a cluster that works passes, and nothing is left of the check', async (t) => {
  const { double, told, checking } = check(t, answersOf(healthy));
  const result = await checking;
  t.deepEqual([result.nodes, result.image], [['n1', 'n2'], 'weft:test']);
  t.deepEqual(result.checks, told);
  t.deepEqual(
    told.filter(({ outcome }) => outcome === 'failed'),
    [],
  );
  t.is(told.filter(({ outcome }) => outcome === 'passed').length, 9);
  t.true(isGood(result));
  t.is(formatSummary(result, terminal), '9 passed, 0 failed, 10 skipped\n');
  t.regex(
    double.calls.slice(-2).join('\n'),
    new RegExp(`^delete namespace ${result.namespace} .*\nget namespace ${result.namespace} `),
  );
});

test('what fails is explained by weft, at the node of the client', async (t) => {
  const failing = { '*exec*client*tcp*10.244.2.3"*': answer(false, 'no answer within 8 s'), ...healthy };
  const { double, told, checking } = check(t, answersOf(failing));
  t.false(isGood(await checking));
  const failed = told.filter(({ outcome }) => outcome === 'failed');
  t.deepEqual(
    failed.map(({ name }) => name),
    ['pod to pod, across nodes (n1 to n2)', 'node to pod, across nodes (n1 to n2)'],
  );
  t.is(failed[0]!.explanation, 'explained explain 10.244.1.2 10.244.2.3 --proto tcp --dport 8080 -4');
  t.true(double.calls.some((call) => call.startsWith('exec -n weft weft-n1 -c weft -- weft explain')));
  t.is(
    formatOutcome(failed[0]!, terminal),
    'FAILED  IPv4, pod to pod, across nodes (n1 to n2): no answer within 8 s\n' +
      '        | explained explain 10.244.1.2 10.244.2.3 --proto tcp --dport 8080 -4\n',
  );
});

test('an answer of somebody else is none', async (t) => {
  const { told, checking } = check(t, answersOf({ '*exec*10.96.0.8"*': answer(true, 'near'), ...healthy }));
  await checking;
  t.deepEqual(
    told.filter(({ outcome }) => outcome === 'failed').map(({ detail }) => detail),
    ['near answered, and not far'],
  );
});

test('who refuses from outside was reached, and a pod in which nothing runs is a failure', async (t) => {
  const answers = {
    ...healthy,
    '*exec*192.0.2.1"*': answer(false, 'the connection was refused'),
    '*exec*dns*': 'exit 126',
  };
  const outside = { address: '192.0.2.1', port: 443 };
  const { told, checking } = check(t, answersOf(answers), { outside });
  await checking;
  t.like(told.at(-1), { outcome: 'passed', detail: 'refused, from there' });
  t.like(
    told.find(({ outcome }) => outcome === 'failed'),
    { name: 'name of a service (DNS)' },
  );
});

const waiting = {
  ...pod('far'),
  status: {
    phase: 'Pending',
    containerStatuses: [{ state: { waiting: { reason: 'ErrImagePull', message: 'no such image' } } }],
  },
};
const event = (name: string, message: string) => ({ involvedObject: { name }, message });

test('pods that do not run are named with the reason, and removed', async (t) => {
  const late = { ...waiting, metadata: { name: 'near' } };
  const answers = answersOf(healthy, [...pods.slice(0, 1), waiting, late]);
  const events = KubectlDouble.json({ items: [event('near', 'an earlier one'), event('near', 'no plugin portmap')] });
  const { double, checking } = check(t, { 'get events *': events, ...answers }, { readyMs: 0 });
  await t.throwsAsync(checking, {
    code: 'check-not-ready',
    message: /pod far: ErrImagePull, no such image; pod near: no plugin portmap; another image: --image/,
  });
  t.regex(double.calls.at(-1)!, /^get namespace weft-check-/);
});

test('what failed is not hidden by a namespace that cannot be removed', async (t) => {
  const answers = {
    'get events *': KubectlDouble.json({ items: [] }),
    'delete namespace*': 'echo forbidden >&2; exit 1',
    ...answersOf(healthy, [waiting]),
  };
  const { checking } = check(t, answers, { readyMs: 0 });
  await t.throwsAsync(checking, {
    code: 'check-not-ready',
    message: /pod far: ErrImagePull.*\nnamespace weft-check-\w+ of the check is left: .*forbidden/,
  });
});

test('a check that is interrupted removes what it made', async (t) => {
  const interrupted = new AbortController();
  const { double, told, checking } = check(t, answersOf(healthy), {
    signal: interrupted.signal,
    onOutcome: () => interrupted.abort(),
  });
  const { checks } = await checking;
  t.is(checks.length, 1);
  t.deepEqual(told, []);
  t.regex(double.calls.at(-1)!, /^get namespace weft-check-/);
});

test('a namespace that cannot be removed is named', async (t) => {
  const answers = { 'delete namespace*': 'echo forbidden >&2; exit 1', ...answersOf(healthy) };
  const { checking } = check(t, answers);
  await t.throwsAsync(checking, {
    code: 'check-not-removed',
    message: /is left: .*forbidden; kubectl delete namespace weft-check-/,
  });
});

test('nodes that are named are taken, and where weft does not run nothing is made', async (t) => {
  const { checking } = check(t, answersOf(healthy), { nodes: ['n2'] });
  t.deepEqual((await checking).nodes, ['n2']);
  const { double, checking: other } = check(t, answersOf(healthy), { nodes: ['n2', 'n9'] });
  await t.throwsAsync(other, { code: 'weft-pods-missing' });
  t.is(double.calls.length, 1);
});
