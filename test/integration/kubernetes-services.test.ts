/** Services of Kubernetes: told by an API server of two nodes, reached from pods of both, also while it is away. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { WeftError } from '../../src/errors.ts';
import { KubernetesLab } from '../support/kubernetes-lab.ts';
import { until } from '../support/until.ts';

const PORT = 8080;
const ADDRESS = '10.96.0.7';

/** How long a change of a slice may take until packets follow it, in ms. */
const FOLLOWED_MS = 2_000;

const ports = [{ name: '', port: PORT, protocol: 'TCP' }];

/** A server says who it is. */
const server = `require('node:net').createServer((socket) => socket.end(process.argv[1] + '\\n')).listen(${PORT}, '::')`;

let cluster: KubernetesLab;

/** Many connections at once: that all of them go to one of two backends happens once in 30 000 times. */
const CONNECTIONS = 16;
const client = `for i in $(seq ${CONNECTIONS}); do (socat -T2 - TCP4:${ADDRESS}:80,connect-timeout=2 </dev/null 2>/dev/null || echo nobody) & done; wait`;

/** Who answers connections from a pod, in order. */
async function answering(from: string): Promise<string> {
  const { stdout } = await cluster.lab.tryExec(from, 'sh', '-c', client);
  return [...new Set(stdout.trim().split('\n'))].sort().join(' ');
}

function meantFor(zone: string): object {
  return { hints: { forZones: [{ name: zone }] } };
}

function endpoint(pod: string, nodeName: string, more: object = {}): object {
  return { addresses: [cluster.addressOf(pod)], nodeName, ...more };
}

test.before(async () => {
  cluster = await KubernetesLab.upWithServices('shop');
  for (const node of ['n1', 'n2'] as const) {
    for (const pod of [`web-${node}`, `client-${node}`]) {
      cluster.tellPod(node, pod, {});
      await cluster.attach(node, pod);
    }
    await cluster.lab.serve(`web-${node}`, PORT, process.execPath, '-e', server, `web-${node}`);
  }
  await cluster.untilReaches('client-n1', 'web-n2');
});

test.after.always(async () => cluster?.down());

test.serial('a service that the API tells is reached from pods of all nodes, at backends of all', async (t) => {
  cluster.tellSlice('web', ports, [endpoint('web-n1', 'n1'), endpoint('web-n2', 'n2')]);
  cluster.tellService('web', { clusterIP: ADDRESS, ports: [{ port: 80, targetPort: PORT }] });
  for (const client of ['client-n1', 'client-n2', 'web-n1'])
    await until(`${client} reached both`, async () => (await answering(client)) === 'web-n1 web-n2');
  const { services } = await cluster.lab.control('n2').services();
  t.deepEqual(
    services.map(({ name, namespace, clusterAddresses }) => ({ name, namespace, clusterAddresses })),
    [{ name: 'web', namespace: 'shop', clusterAddresses: [ADDRESS] }],
  );
  t.deepEqual(services[0]!.ports[0]!.backends.map(({ pod, node }) => `${pod} at ${node}`).sort(), [
    'shop/web-n1 at n1',
    'shop/web-n2 at n2',
  ]);
});

async function untilFollowed(endpoints: readonly object[], answer: string): Promise<void> {
  cluster.tellSlice('web', ports, endpoints);
  for (const from of ['client-n1', 'client-n2'])
    await until(`${from} reaches "${answer}"`, async () => (await answering(from)) === answer, FOLLOWED_MS);
}

test.serial('a change of a slice is followed at once', async (t) => {
  const notReady = { conditions: { ready: false } };
  await untilFollowed([endpoint('web-n1', 'n1', notReady), endpoint('web-n2', 'n2')], 'web-n2');
  await untilFollowed([endpoint('web-n1', 'n1')], 'web-n1');
  await untilFollowed([], 'nobody');
  await untilFollowed([endpoint('web-n1', 'n1'), endpoint('web-n2', 'n2')], 'web-n1 web-n2');
  t.pass();
});

test.serial('a node keeps to backends that are meant for its zone, as soon as it is in one', async (t) => {
  cluster.tellSlice('web', ports, [endpoint('web-n1', 'n1', meantFor('a')), endpoint('web-n2', 'n2', meantFor('b'))]);
  const labels = { 'topology.kubernetes.io/zone': 'b' };
  cluster.tell({ resource: 'nodes', object: { metadata: { name: 'n1', uid: 'u-n1', labels } as never } });
  await until('n1 keeps to its zone', async () => (await answering('client-n1')) === 'web-n2', FOLLOWED_MS);
  t.is(await answering('client-n2'), 'web-n1 web-n2');
  cluster.tellSlice('web', ports, [endpoint('web-n1', 'n1'), endpoint('web-n2', 'n2')]);
  await until('hints are gone', async () => (await answering('client-n1')) === 'web-n1 web-n2', FOLLOWED_MS);
});

test.serial('while the API is away, services are as they were, also for the next daemon', async (t) => {
  const { lab } = cluster;
  const stored = join(lab.files('n2').stateDir, 'kubernetes-services.json');
  await until('the service is stored', () => existsSync(stored) && readFileSync(stored, 'utf8').includes(ADDRESS));
  await cluster.withdrawApi();
  await until('n2 knows that it is away', async () => !(await lab.control('n2').status()).kubernetes?.reachable);
  t.is(await answering('client-n2'), 'web-n1 web-n2');
  await cluster.daemon('n2').end('SIGKILL');
  cluster.start('n2');
  await lab.answers('n2');
  t.false((await lab.control('n2').status()).kubernetes?.reachable);
  t.is((await lab.control('n2').services()).services.length, 1);
  // Other nodes send to it as soon as they have heard that it is back.
  await until('n2 reaches both', async () => (await answering('client-n2')) === 'web-n1 web-n2');
  await cluster.returnApi();
});

test.serial('a daemon that has no services takes those away that were there', async (t) => {
  const { lab } = cluster;
  const tables = async () => await lab.exec('n1', 'nft', 'list', 'tables');
  await cluster.daemon('n1').end();
  t.true((await tables()).includes('weft-services'));
  lab.daemon('n1', '--services-enabled', 'off');
  await lab.answers('n1');
  t.false((await tables()).includes('weft-services'));
  t.is((await t.throwsAsync<WeftError>(lab.control('n1').services()))?.code, 'services-of-others');
  const { stderr } = await lab.tryAsk('n1', 'service', 'add', 'web', '--port', '80', '--selector', 'app=web');
  t.regex(stderr, /weft has no services here: services\.enabled is off/);
});
