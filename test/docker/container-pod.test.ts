import test from 'ava';
import { containerOf, type Container } from '../../src/docker/container.ts';
import { isMeantBy, podOfContainer, type PodChoice } from '../../src/docker/container-pod.ts';
import { ConfigError, ConflictError } from '../../src/errors.ts';
import { containerWith, podWith } from '../support/docker-doubles.ts';

const ID = 'c0ffee'.padEnd(64, '0');

test('a container is the pod that its labels say', (t) => {
  const labels = { 'weft.pod': 'web', 'weft.namespace': 'shop', 'weft.ip': '10.244.1.9, fd00::9', 'weft.node': 'n1' };
  const { name, namespace, request } = podOfContainer(containerWith({ id: ID, name: 'lab_web_1', pid: 77, labels }));
  t.deepEqual([name, namespace, request.namespace], ['web', 'shop', 'shop']);
  t.deepEqual([request.pid, request.addresses], [77, ['10.244.1.9', 'fd00::9']]);
  t.deepEqual(request.labels, {
    'weft.docker/container': ID.slice(0, 32),
    'weft.docker/name': 'lab_web_1',
  });
});

test('what a person says comes before labels, and labels before the name of the container', (t) => {
  const container = containerWith({ name: 'box', labels: { 'weft.pod': 'web', 'weft.ip': '10.244.1.9' } });
  const { name, namespace, request } = podOfContainer(container, { name: 'db', addresses: ['10.244.1.7'] });
  t.deepEqual([name, namespace, request.addresses], ['db', 'default', ['10.244.1.7']]);
  const unlabelled = podOfContainer(containerWith({ name: 'box' }));
  t.deepEqual([unlabelled.name, unlabelled.request.addresses], ['box', undefined]);
});

const refused = test.macro({
  exec(t, container: Partial<Container>, choice: PodChoice, code: string, ...words: readonly string[]) {
    const error = t.throws(() => podOfContainer(containerWith({ id: ID, name: 'web', ...container }), choice), {
      any: true,
    }) as ConfigError | ConflictError;
    t.is(error.code, code);
    for (const word of ['container', ID.slice(0, 12), ...words]) t.true(error.message.includes(word), error.message);
  },
  title: (name) => `${name} is refused, with what to do`,
});

const none = {};
test(
  'a container that does not run',
  refused,
  { isRunning: false, status: 'exited' },
  none,
  'container-not-running',
  'exited',
  'start it',
);
test(
  'a container with the network of its host',
  refused,
  { networkMode: 'host' },
  none,
  'container-has-network',
  'network_mode: none',
);
test(
  'a label without a network of its own, since there is one already,',
  refused,
  { networkMode: 'lab_default', labels: { 'weft.pod': 'web' } },
  none,
  'container-has-network',
  '"lab_default"',
  'network_mode: none',
);
test(
  'a container with the network of another',
  refused,
  { networkMode: 'container:abc' },
  none,
  'container-has-network',
  'attach that one',
);
test(
  'a label with a name that DNS cannot carry',
  refused,
  { labels: { 'weft.pod': 'My_Web' } },
  none,
  'config-invalid',
  'weft.pod',
  '"My_Web"',
  'DNS',
);
test(
  'a name of a container that DNS cannot carry',
  refused,
  { name: 'lab_web_1' },
  none,
  'config-invalid',
  '--name',
  '"lab_web_1"',
);
test(
  'a name that a person gives and DNS cannot carry',
  refused,
  none,
  { name: 'a.b' },
  'config-invalid',
  '--name',
  '"a.b"',
);
test(
  'a namespace that is none',
  refused,
  { labels: { 'weft.namespace': '' } },
  none,
  'config-invalid',
  'weft.namespace',
);
test(
  'an address that is none',
  refused,
  { labels: { 'weft.ip': '10.0.0.1,nonsense' } },
  none,
  'config-invalid',
  'weft.ip',
  '"nonsense"',
);
test(
  'a name with control characters',
  refused,
  { labels: { 'weft.pod': 'a\u001b[2Jb' } },
  none,
  'config-invalid',
  '"a\\u001b[2Jb"',
);
test(
  'more addresses than anybody needs',
  refused,
  { labels: { 'weft.ip': Array(17).fill('10.0.0.1').join() } },
  none,
  'config-invalid',
  '17',
  '16',
);

test('labels that its image has as well are not its own', (t) => {
  const document = {
    Id: ID,
    Name: '/web',
    Image: 'sha256:1',
    State: { Status: 'running', Running: true, Pid: 5 },
    Config: { Labels: { 'weft.pod': 'web', 'weft.ip': '10.0.0.9', maintainer: 'somebody' } },
    HostConfig: { NetworkMode: 'none' },
  };
  const { labels, name } = containerOf(document, { 'weft.pod': 'web', 'weft.ip': '10.0.0.1' });
  t.is(name, 'web');
  t.deepEqual(labels, { 'weft.ip': '10.0.0.9', maintainer: 'somebody' });
});

test('a person means a container by its name, its id, or as much of that as an engine shows', (t) => {
  const pod = podWith({
    name: 'web',
    labels: { 'weft.docker/container': ID.slice(0, 32), 'weft.docker/name': 'lab_web_1' },
  });
  for (const reference of ['lab_web_1', ID, ID.slice(0, 12), ID.slice(0, 40)])
    t.true(isMeantBy(pod, reference), reference);
  for (const reference of ['', 'web', 'c0ffee', `${ID.slice(0, 11)}f`]) t.false(isMeantBy(pod, reference), reference);
  t.false(isMeantBy(podWith({ name: 'lab_web_1' }), 'lab_web_1'));
});
