import test, { type ExecutionContext } from 'ava';
import { choosePod, listDaemonPods } from '../../src/kubectl/daemon-pods.ts';
import { Kubectl } from '../../src/kubectl/kubectl.ts';
import { daemonPod, KubectlDouble } from '../support/kubectl-double.ts';

function kubectlWith(t: ExecutionContext, answer: string, options: readonly string[] = []): [Kubectl, KubectlDouble] {
  const double = new KubectlDouble({ 'get*pods*': answer });
  t.teardown(() => double.remove());
  return [new Kubectl({ program: double.program, options }), double];
}

test('pods of weft are found by namespace and label, in order of their nodes', async (t) => {
  const items = [daemonPod('n2'), daemonPod('n1', { phase: 'Pending', waiting: 'ImagePullBackOff' })];
  const [kubectl, double] = kubectlWith(t, KubectlDouble.json({ items }), ['--context', 'kind']);
  const pods = await listDaemonPods(kubectl, 'weft');
  t.deepEqual(double.calls, ['get --context kind pods -n weft -l app.kubernetes.io/name=weft -o json']);
  t.deepEqual(
    pods.map(({ node, name, container, image, problem }) => [node, name, container, image, problem]),
    [
      ['n1', 'weft-n1', 'weft', 'weft:test', 'it is Pending (ImagePullBackOff)'],
      ['n2', 'weft-n2', 'weft', 'weft:test', ''],
    ],
  );
  t.is(choosePod(pods, 'weft').node, 'n2');
  t.is(choosePod(pods, 'weft', 'n2').node, 'n2');
  t.throws(() => choosePod(pods, 'weft', 'n3'), {
    code: 'weft-pods-missing',
    message: 'node n3 has no pod of weft in namespace weft: those that have one are n1, n2',
  });
  t.throws(() => choosePod(pods, 'weft', 'n1'), {
    code: 'weft-pod-not-running',
    message:
      /^pod weft-n1 of node n1 does not run: it is Pending \(ImagePullBackOff\); kubectl -n weft describe pod weft-n1/,
  });
  t.throws(() => choosePod(pods.slice(0, 1), 'weft'), {
    code: 'weft-pod-not-running',
    message: /^no node has a pod of weft that runs; /,
  });
});

test('while a pod is replaced, the one that is ready is meant, and of two the earlier', async (t) => {
  const [earlier, later, starting] = [daemonPod('n1'), daemonPod('n1'), daemonPod('n1', { phase: 'Pending' })];
  Object.assign(later.metadata, { name: 'later', creationTimestamp: '2026-01-02T00:00:00Z' });
  Object.assign(starting.metadata, { name: 'starting', creationTimestamp: '2025-01-01T00:00:00Z' });
  const [kubectl] = kubectlWith(t, KubectlDouble.json({ items: [starting, later, earlier] }));
  t.deepEqual(
    (await listDaemonPods(kubectl, 'weft')).map(({ name }) => name),
    ['weft-n1'],
  );
});

test('a cluster without weft is told so', async (t) => {
  const [kubectl] = kubectlWith(t, KubectlDouble.json({ items: [] }));
  await t.throwsAsync(listDaemonPods(kubectl, 'other'), {
    code: 'weft-pods-missing',
    message: /^namespace other has no pod of weft, label .*: install weft there, or say with --namespace/,
  });
});

test('what kubectl says is passed on, and what to do where it reaches no cluster', async (t) => {
  const refused = 'The connection to the server localhost:8080 was refused - did you specify the right host or port?';
  const [lost] = kubectlWith(t, `echo '${refused}' >&2; exit 1`);
  await t.throwsAsync(listDaemonPods(lost, 'weft'), {
    code: 'cluster-unreachable',
    message: `cannot list the pods of weft: kubectl get pods said: ${refused}; --context and --kubeconfig, or KUBECONFIG, say which cluster`,
  });
  const [forbidden] = kubectlWith(t, 'echo "Error from server (Forbidden)" >&2; exit 1');
  await t.throwsAsync(listDaemonPods(forbidden, 'weft'), {
    code: 'kubectl-failed',
    message: /said: Error from server/,
  });
  const [odd] = kubectlWith(t, 'echo "{}"');
  await t.throwsAsync(listDaemonPods(odd, 'weft'), { code: 'kubectl-failed', message: /something else/ });
});

test('where kubectl is missing, that is said', async (t) => {
  const kubectl = new Kubectl({ program: '/nowhere/kubectl' });
  await t.throwsAsync(listDaemonPods(kubectl, 'weft'), { code: 'kubectl-missing', message: /install it/ });
  await t.throwsAsync(kubectl.start(['exec'], 'ignore', false).ended, { code: 'kubectl-missing' });
});

test('a kubectl that does not end is ended', async (t) => {
  const [kubectl] = kubectlWith(t, 'exec sleep 600');
  await t.throwsAsync(kubectl.run(['get', 'pods'], { purpose: 'try it', timeoutMs: 1 }), {
    code: 'kubectl-failed',
    message: /no end after 0\.001 s/,
  });
});
