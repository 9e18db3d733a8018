/** Pods with the network of their node, in a lab of two nodes: no selector finds them, and what they send is their node's. */
import test from 'ava';
import type { Explanation } from '../../src/explain/explanation.ts';
import { KubernetesLab } from '../support/kubernetes-lab.ts';
import { until } from '../support/until.ts';

const runs = test.serial;

/** Of n2 on the underlay, and so of `shop/agent`. */
const UNDERLAY = '198.18.0.2';

let cluster: KubernetesLab;

test.before(async () => {
  cluster = await KubernetesLab.up(['shop']);
  cluster.tellPod('n1', 'web', { app: 'web' });
  await cluster.attach('n1', 'web');
  cluster.tell({
    resource: 'pods',
    object: {
      metadata: { namespace: 'shop', name: 'agent', uid: 'u-agent', labels: { app: 'agent' } },
      spec: { nodeName: 'n2', hostNetwork: true },
      status: { phase: 'Running', podIPs: [{ ip: UNDERLAY }] },
    } as never,
  });
});

test.after.always(async () => cluster?.down());

/** Who may reach web. */
function tellPolicy(...from: readonly object[]): void {
  const ingress = [{ from }];
  cluster.tellPolicy('web', { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress });
}

/** Of n2 in the overlay. */
async function overlayAddresses(): Promise<readonly string[]> {
  return (await cluster.lab.control('n2').status()).nodeAddresses;
}

/** Of this address alone. */
function blockOf(address: string): object {
  return { ipBlock: { cidr: `${address}/${address.includes(':') ? 128 : 32}` } };
}

async function pings(place: string, address: string): Promise<boolean> {
  return (await cluster.lab.tryExec(place, 'ping', '-n', '-c', '1', '-W', '1', address)).exitCode === 0;
}

/** Whether n2 itself, and so the pod, reaches web, and whether `weft policy test` there says so. */
async function reachesWeb(): Promise<readonly [packets: boolean, told: boolean]> {
  const { exitCode } = await cluster.lab.tryAsk('n2', 'policy', 'test', 'shop/agent', 'shop/web', '--proto', 'icmp');
  return [await pings('n2', cluster.addressOf('web')), exitCode === 0];
}

async function untilReachesWeb(isReached: boolean): Promise<void> {
  await until(`the pod ${isReached ? 'reaches' : 'does not reach'} web, and policy test says so`, async () =>
    (await reachesWeb()).every((one) => one === isReached),
  );
}

runs('a selector does not let it in, and a block with an address of its node does, of either network', async (t) => {
  await untilReachesWeb(true);
  tellPolicy({ podSelector: { matchLabels: { app: 'agent' } } });
  await untilReachesWeb(false);
  tellPolicy(blockOf(UNDERLAY));
  await untilReachesWeb(true);
  tellPolicy({ ipBlock: { cidr: '203.0.113.0/24' } });
  await untilReachesWeb(false);
  tellPolicy(...(await overlayAddresses()).map(blockOf));
  await untilReachesWeb(true);
  t.pass();
});

runs('a policy that selects its labels is not about it', async (t) => {
  cluster.tellPolicy('agent', { podSelector: { matchLabels: { app: 'agent' } }, policyTypes: ['Ingress', 'Egress'] });
  await until('n2 knows the policy', async () =>
    (await cluster.lab.tryAsk('n2', 'policy', 'list')).stdout.includes('shop/agent'),
  );
  t.deepEqual(await reachesWeb(), [true, true]);
  for (const address of await overlayAddresses()) t.true(await pings('n1', address), address);
});

runs('it is known by its name at its node, which says what it is taken for', async (t) => {
  const tested = await cluster.lab.tryAsk('n2', 'policy', 'test', 'shop/agent', 'shop/web', '--proto', 'icmp');
  t.regex(tested.stdout, /shop\/agent has the network of its node: policies take it for the node/);
  const explained = await cluster.lab.tryAsk('n2', 'explain', 'shop/agent', 'shop/web', '--json');
  const { remarks, packet } = JSON.parse(explained.stdout) as Explanation;
  t.is(packet.source.node, 'n2');
  t.true(
    remarks.includes(
      'shop/agent has the network of n2: to others it is its node, and network policies do not select it',
    ),
    remarks.join('\n'),
  );
});
