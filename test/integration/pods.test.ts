/** Pods on one node: real namespaces, devices and routes, no daemon around them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import type { Notice, Pod } from '../../src/api/control-api.ts';
import type { IpamStatus, LeaseCheck } from '../../src/api/ipam-api.ts';
import { macOfPod } from '../../src/daemon/host/pod-devices.ts';
import type { ReconcileReport } from '../../src/daemon/pods/pod-reconciliation.ts';
import { linkLocalAddressOf } from '../../src/daemon/pods/source-rules.ts';
import type { ResetReport } from '../../src/daemon/reset.ts';
import { runCommand } from '../../src/linux/command.ts';
import { listLinks } from '../../src/linux/link.ts';
import { namespaceIdentity } from '../../src/linux/namespace-files.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { PodNode } from '../support/pod-node.ts';
import { until } from '../support/until.ts';

/** One at a time: each makes namespaces and starts dozens of programs. */
const test = anyTest.serial;

/** A node whose network is up, and that is removed when the test ends. */
async function makeNode(t: ExecutionContext): Promise<PodNode> {
  const node = await PodNode.make();
  t.teardown(() => node.remove());
  await node.makeTun();
  t.deepEqual(await node.runWell<Notice[]>(['ensure']), []);
  return node;
}

/** As {@link makeNode}, with a pod `web` in the namespace NODE-web. */
async function makeNodeWithPod(t: ExecutionContext): Promise<{ node: PodNode; netns: string; pod: Pod }> {
  const node = await makeNode(t);
  const netns = await node.makeNamespace(`${node.name}-web`);
  return { node, netns, pod: await node.runWell<Pod>(['add', 'web', { netns }]) };
}

async function hasDevice(node: PodNode, name: string): Promise<boolean> {
  return (await listLinks(node.netns)).some(({ ifname }) => ifname === name);
}

/** The kernel takes a namespace apart some time after its last user, and the other ends of its cables with it. */
async function untilGone(node: PodNode, device: string): Promise<void> {
  await until(`${device} is gone`, async () => !(await hasDevice(node, device)));
}

test('two pods reach each other, their node and the world, over IPv4 and IPv6, at once', async (t) => {
  const node = await makeNode(t);
  const web = `${node.name}-web`;
  const db = await node.makeNamespace(`${node.name}-db`);
  const outcomes = await node.run(['add', web, { newNetns: true }], ['add', 'db', { netns: db }]);
  const [, second] = outcomes.map(({ value }) => value as Pod);
  t.deepEqual(second?.addresses, ['10.244.1.3', 'fd00:10:244:1::3']);
  t.deepEqual(second?.notices, []);
  t.is(second?.state, 'running');
  t.log(`pod add took ${outcomes.map(({ durationMs }) => durationMs.toFixed(0)).join(' and ')} ms`);

  for (const address of ['10.244.1.3', 'fd00:10:244:1::3']) {
    t.true(await node.pings(web, address), `pod to pod ${address}`);
    t.true(await node.pings('node', address), `node to pod ${address}`);
  }
  for (const address of ['10.244.1.1', 'fd00:10:244:1::1', '198.18.0.1', 'fd00:198:18::1']) {
    t.true(await node.pings(db, address), `pod to node ${address}`);
  }
  // The world has no route to pods: it answers the node, or nobody.
  for (const address of ['198.18.0.2', 'fd00:198:18::2'])
    t.true(await node.pings(db, address), `pod to world ${address}`);
});

test('an address that no pod has is unreachable, and does not leak to the default route', async (t) => {
  const { node, netns } = await makeNodeWithPod(t);
  for (const [address, reason] of [
    ['10.244.1.200', /Destination Host Unreachable/],
    ['fd00:10:244:1::200', /Destination unreachable/],
  ] as const) {
    const argv = ['sh', '-c', `ping -n -c 1 -W 2 ${address} || true`];
    t.regex(await runCommand(argv, { purpose: 'ping nobody', netns: `/run/netns/${netns}` }), reason);
  }
  await node.ip('link', 'delete', 'weft0');
  const route = await runCommand(['sh', '-c', 'ip route get 10.244.2.2 2>&1 || true'], {
    purpose: 'look',
    netns: node.netns,
  });
  t.regex(route, /Invalid argument|blackhole/);
});

test('the same request again gives the same pod', async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  const [again, byPath, withAll] = await node.run(
    ['add', 'web', { netns }],
    ['add', 'web', { netns: `/run/netns/${netns}` }],
    ['add', 'web', { netns, addresses: [...pod.addresses], mac: pod.mac }],
  );
  for (const outcome of [again, byPath, withAll]) t.deepEqual(outcome?.value, pod);
  t.is((await node.runWell<Pod[]>(['list'])).length, 1);
});

test('another request for the same name is refused, and says what differs', async (t) => {
  const { node, netns } = await makeNodeWithPod(t);
  const other = await node.makeNamespace(`${node.name}-other`);
  const outcomes = await node.run(
    ['add', 'web', { netns: other }],
    ['add', 'web', { netns, addresses: ['10.244.1.99'] }],
    ['add', 'web', { netns, mac: '02:00:00:00:00:99' }],
    ['add', 'second', { netns }],
    ['add', 'third', { netns: other, addresses: ['10.244.1.2'] }],
    ['add', 'third', { netns: `${node.name}-nowhere` }],
    ['add', 'third', { netns: '/etc/hostname' }],
    ['add', 'third', { netns: '/proc/self/ns/mnt' }],
    ['add', netns, { newNetns: true }],
  );
  const codes = ['pod-exists', 'pod-exists', 'pod-exists', 'netns-in-use', 'address-in-use', 'netns-not-found'];
  t.deepEqual(
    outcomes.map(({ error }) => error?.code),
    [...codes, 'not-a-network-namespace', 'not-a-network-namespace', 'netns-exists'],
  );
  t.regex(outcomes[0]?.error?.message ?? '', /exists with another network namespace/);
  t.regex(outcomes[1]?.error?.message ?? '', /exists with the addresses 10\.244\.1\.2, fd00:10:244:1::2$/);
  t.regex(outcomes[2]?.error?.message ?? '', /exists with the MAC address/);
  t.is((await node.runWell<Pod[]>(['list'])).length, 1);
});

test('pods of one name live in two namespaces, under an interface of whatever name, and labels change', async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  const other = await node.makeNamespace(`${node.name}-other`);
  const request = { netns: other, namespace: 'shop', device: 'net1', labels: { app: 'web' } };
  const [added, again, mixed, unknown] = await node.run(
    ['add', 'web', request],
    ['add', 'web', { netns: other, namespace: 'shop', labels: { app: 'db', tier: 'back' } }],
    ['add', 'web', { ...request, device: 'eth0' }],
    ['add', 'Web_1', { netns }],
  );
  t.like(added?.value, { name: 'web', namespace: 'shop', device: 'net1', labels: { app: 'web' }, state: 'running' });
  t.like(again?.value, {
    labels: { app: 'db', tier: 'back' },
    device: 'net1',
    addresses: ['10.244.1.3', 'fd00:10:244:1::3'],
  });
  t.like(mixed?.error, { code: 'pod-exists', message: 'pod shop/web exists with the interface net1' });
  t.like(unknown?.error, { code: 'config-invalid' });
  t.deepEqual((await listLinks(`/run/netns/${other}`)).map(({ ifname }) => ifname).toSorted(), ['lo', 'net1']);
  t.true(await node.pings(other, pod.addresses[0]!));

  // The next daemon knows all of it, and takes nothing for broken.
  const [reconciled, list, removed, rest] = await node.run(
    ['reconcile'],
    ['list'],
    ['remove', 'web', 'shop'],
    ['list'],
  );
  t.deepEqual((reconciled!.value as ReconcileReport).kept, ['web', 'shop/web']);
  t.like((list!.value as Pod[])[1], { namespace: 'shop', labels: { app: 'db', tier: 'back' }, state: 'running' });
  t.true(removed?.value);
  t.deepEqual(
    (rest!.value as Pod[]).map(({ namespace, name }) => [namespace, name]),
    [['default', 'web']],
  );
});

test('adding again repairs what is missing', async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  const options = { purpose: 'damage a pod', netns: `/run/netns/${netns}` };
  await node.ip('route', 'delete', '10.244.1.2');
  await node.ip('address', 'flush', 'dev', pod.hostDevice);
  await runCommand(['ip', 'route', 'delete', 'default'], options);
  await runCommand(['ip', '-6', 'address', 'flush', 'dev', 'eth0'], options);
  t.false(await node.pings(netns, '10.244.1.1', 1));
  t.deepEqual(await node.runWell<Pod>(['add', 'web', { netns }]), pod);
  for (const address of ['10.244.1.1', 'fd00:10:244:1::1']) t.true(await node.pings(netns, address));

  await node.ip('link', 'delete', pod.hostDevice);
  t.deepEqual(await node.runWell<Pod>(['add', 'web', { netns }]), pod);
  t.true(await node.pings(netns, '10.244.1.1'));

  await runCommand(['ip', 'link', 'set', 'dev', 'eth0', 'down', 'name', 'moved'], options);
  t.deepEqual(await node.runWell<Pod>(['add', 'web', { netns }]), pod);
  t.true(await node.pings(netns, '10.244.1.1'));
});

test('a pod by process id is connected in the namespace of the process', async (t) => {
  const node = await makeNode(t);
  const netns = await node.makeNamespace(`${node.name}-proc`);
  const child = spawn('nsenter', [`--net=/run/netns/${netns}`, '--', 'sleep', '60'], { stdio: 'ignore' });
  t.teardown(() => child.kill());
  // nsenter enters before it becomes sleep.
  await until('it sleeps', () => readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').startsWith('sleep'));
  const pod = await node.runWell<Pod>(['add', 'proc', { pid: child.pid! }]);
  t.is(pod.netns, `/proc/${child.pid}/ns/net`);
  t.true(await node.pings(netns, '10.244.1.1'));
  const [missing] = await node.run(['add', 'nobody', { pid: 2 ** 22 + 1 }]);
  t.is(missing?.error?.code, 'process-not-found');
});

test('IPv6 is turned on in a pod that has it off', async (t) => {
  const node = await makeNode(t);
  const netns = await node.makeNamespace(`${node.name}-off`);
  const script = 'for d in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$d/disable_ipv6; done';
  await runCommand(['sh', '-c', script], { purpose: 'turn IPv6 off', netns: `/run/netns/${netns}` });
  const pod = await node.runWell<Pod>(['add', 'off', { netns }]);
  t.deepEqual(pod.notices, []);
  t.true(await node.pings(netns, 'fd00:10:244:1::1'));
});

/** As in a container: /proc/sys cannot be written, other mounts can be made. */
const readOnlySysctls = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"',
  'sh',
];

test('where /proc/sys is read-only, what is wrong is named, and IPv6 is turned on in pods all the same', async (t) => {
  const node = await PodNode.make();
  t.teardown(() => node.remove());
  await node.makeTun();
  const netns = await node.makeNamespace(`${node.name}-off`);
  const script =
    'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6';
  await runCommand(['sh', '-c', script], { purpose: 'turn IPv6 off', netns: `/run/netns/${netns}` });
  const [ensure, add] = await node.runBelow(readOnlySysctls, ['ensure'], ['add', 'off', { netns }]);
  const notices = ensure?.value as Notice[];
  t.deepEqual(
    notices.map(({ code }) => code),
    ['ip-forward-off', 'accept-local-off', 'ipv6-forwarding-off'],
  );
  const remedy =
    'start the container with --sysctl net.ipv4.ip_forward=1, or mount /proc/sys/net at /host/proc/sys/net';
  t.is(
    notices[0]?.message,
    `net.ipv4.ip_forward is 0 and /proc/sys is read-only: pods reach nothing but the node itself over IPv4, not even one another; ${remedy}`,
  );
  t.deepEqual((add?.value as Pod | undefined)?.notices, []);
  for (const address of ['10.244.1.1', 'fd00:10:244:1::1']) t.true(await node.pings(netns, address));
});

test('where nothing can be mounted either, a pod has IPv4, and says why no IPv6', async (t) => {
  const node = await makeNode(t);
  const netns = await node.makeNamespace(`${node.name}-off`);
  const script = 'for d in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$d/disable_ipv6; done';
  await runCommand(['sh', '-c', script], { purpose: 'turn IPv6 off', netns: `/run/netns/${netns}` });
  // As where mounting is denied: `unshare` fails.
  const noUnshare = [
    ...readOnlySysctls.slice(0, 4),
    `mount --bind /bin/false /usr/bin/unshare && ${readOnlySysctls[4]}`,
    'sh',
  ];
  const [add, again] = await node.runBelow(noUnshare, ['add', 'off', { netns }], ['reconcile']);
  t.deepEqual(
    (add?.value as Pod | undefined)?.notices.map(({ code }) => code),
    ['pod-ipv6-disabled'],
  );
  t.deepEqual((again?.value as ReconcileReport | undefined)?.kept, ['off']);
  t.true(await node.pings(netns, '10.244.1.1'));
});

test('an IPv4 overlay may have an MTU that is too small for IPv6, also after a restart', async (t) => {
  const node = await PodNode.make();
  t.teardown(() => node.remove());
  node.settings = { nodePrefixes: ['10.244.1.0/24'], clusterPrefixes: ['10.244.0.0/16'], mtuBytes: 1_000 };
  await node.makeTun();
  const [web, db] = [`${node.name}-web`, `${node.name}-db`];
  const report = await node.runWell<ReconcileReport>(
    ['ensure'],
    ['add', web, { newNetns: true }],
    ['add', db, { newNetns: true }],
    ['ensure'],
    ['reconcile'],
  );
  t.deepEqual(report.kept.toSorted(), [db, web].toSorted());
  const [pod] = await node.runWell<Pod[]>(['list']);
  t.deepEqual(pod?.addresses, ['10.244.1.2']);
  t.true(await node.pings(web, '10.244.1.3'));
  t.true(await node.pings('node', '10.244.1.2'));
});

test('the link-local address of a pod is the one that the node lets through, whatever the namespace prefers', async (t) => {
  const node = await makeNode(t);
  const netns = await node.makeNamespace(`${node.name}-stable`);
  const options = { purpose: 'prefer addresses that do not show the MAC address', netns: `/run/netns/${netns}` };
  await runCommand(['sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=3'], options);
  const pod = await node.runWell<Pod>(['add', 'stable', { netns }]);
  const shown = await runCommand(['ip', '-6', '-br', 'address', 'show', 'dev', 'eth0', 'scope', 'link'], options);
  t.true(shown.includes(`${formatIpAddress(linkLocalAddressOf(macOfPod(pod.network, 'stable', 'pod')))}/64`), shown);
});

test('three privileges are enough', async (t) => {
  const node = await PodNode.make();
  t.teardown(() => node.remove());
  await node.makeTun();
  const before = await node.snapshot();
  const made = `${node.name}-made`;
  const capabilities = '-all,+net_admin,+net_raw,+sys_admin';
  const drop = ['setpriv', `--bounding-set=${capabilities}`, `--inh-caps=${capabilities}`, '--'];
  const outcomes = await node.runBelow(
    drop,
    ['requirements'],
    ['ensure'],
    ['add', made, { newNetns: true }],
    ['add', made, { newNetns: true }],
  );
  t.deepEqual(
    outcomes.map(({ error }) => error),
    [undefined, undefined, undefined, undefined],
  );
  t.deepEqual(outcomes[1]?.value, []);
  t.true(await node.pings(made, '198.18.0.2'));
  t.true(await node.pings(made, 'fd00:198:18::2'));
  const [remove, reset] = await node.runBelow(drop, ['remove', made], ['reset']);
  t.true(remove?.value);
  t.deepEqual((reset?.value as ResetReport | undefined)?.devices, ['weft0']);
  const { namespaces } = (await node.snapshot()) as { namespaces: unknown };
  t.deepEqual(namespaces, (before as { namespaces: unknown }).namespaces);
});

test('a missing privilege is named', async (t) => {
  const node = await PodNode.make();
  t.teardown(() => node.remove());
  const [requirements] = await node.runBelow(['setpriv', '--bounding-set=-net_admin', '--'], ['requirements']);
  t.is(requirements?.error?.code, 'privilege-missing');
  t.regex(requirements?.error?.message ?? '', /^CAP_NET_ADMIN is missing/);
});

test('removing a pod leaves nothing of it, and is idempotent', async (t) => {
  const node = await makeNode(t);
  const netns = await node.makeNamespace(`${node.name}-kept`);
  const before = await node.snapshot();
  const made = `${node.name}-made`;
  await node.runWell(['add', 'kept', { netns }], ['add', made, { newNetns: true }]);
  t.notDeepEqual(await node.snapshot(), before);
  const outcomes = await node.run(['remove', 'kept'], ['remove', made], ['remove', made], ['list']);
  t.deepEqual(
    outcomes.map(({ value }) => value),
    [true, true, false, []],
  );
  t.deepEqual(await node.snapshot(), before);
});

test('a pod whose namespace is gone is shown as gone, and can be removed', async (t) => {
  const { node, netns } = await makeNodeWithPod(t);
  await runCommand(['ip', 'netns', 'delete', netns], { purpose: 'take the namespace away' });
  // The kernel takes a namespace apart some time after its last user.
  await until('it is gone', async () => (await node.runWell<Pod[]>(['list']))[0]?.state === 'gone');
  const [list, removed, empty] = await node.run(['list'], ['remove', 'web'], ['list']);
  t.is((list?.value as Pod[] | undefined)?.[0]?.state, 'gone');
  t.true(removed?.value);
  t.deepEqual(empty?.value, []);
});

test('a pod is gone when its namespace is, and then its addresses can be freed; not when the namespace is only hidden', async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  const running = await node.runWell<string[] | undefined>(['freeGone', 'web']);
  t.is(running, undefined);
  // Its file goes, and a process keeps it: as if a private mount hid it.
  const holder = spawn('nsenter', [`--net=/run/netns/${netns}`, '--', 'sleep', '60']);
  const ended = once(holder, 'exit');
  await until(
    'it is in there',
    () => namespaceIdentity(`/proc/${holder.pid}/ns/net`) === namespaceIdentity(`/run/netns/${netns}`),
  );
  await runCommand(['ip', 'netns', 'delete', netns], { purpose: 'hide the namespace' });
  t.is(await node.runWell(['freeGone', 'web']), undefined);
  holder.kill();
  await ended;
  await untilGone(node, pod.hostDevice);
  const request = { netns: await node.makeNamespace(`${node.name}-again`), addresses: [pod.addresses[0]!] };
  const [freed, list, other, again] = await node.run(
    ['freeGone', 'web'],
    ['list'],
    ['add', 'other', request],
    ['add', 'web', request],
  );
  t.deepEqual(freed?.value, pod.addresses);
  t.deepEqual(list?.value, []);
  t.is(other?.error?.code, 'address-cooling');
  t.deepEqual((again?.value as Pod | undefined)?.addresses, [pod.addresses[0]]);
});

test('a pod whose cable was renamed is not gone, even if its namespace is hidden, and the cable goes with it', async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  const holder = spawn('nsenter', [`--net=/run/netns/${netns}`, '--', 'sleep', '60']);
  const ended = once(holder, 'exit');
  try {
    await until(
      'it is in there',
      () => namespaceIdentity(`/proc/${holder.pid}/ns/net`) === namespaceIdentity(`/run/netns/${netns}`),
    );
    await runCommand(['ip', 'netns', 'delete', netns], { purpose: 'hide the namespace' });
    const rename = async (): Promise<void> => {
      await node.ip('link', 'set', 'dev', pod.hostDevice, 'down');
      await node.ip('link', 'set', 'dev', pod.hostDevice, 'name', 'somebody', 'up');
    };
    await rename();
    t.is(await node.runWell(['freeGone', 'web']), undefined);
    const { findings } = await node.runWell<LeaseCheck>(['check', 'look']);
    t.false(findings.some(({ problem }) => problem === 'gone'));
    const report = await node.runWell<ReconcileReport>(['ensure'], ['reconcile']);
    t.deepEqual(report.gone, []);
    t.true(await hasDevice(node, pod.hostDevice));
    await rename();
    t.true(await node.runWell(['remove', 'web']));
    t.false(await hasDevice(node, 'somebody'));
  } finally {
    holder.kill();
    await ended;
  }
});

test('a pod that cannot be connected leaves nothing', async (t) => {
  const node = await makeNode(t);
  const netns = await node.makeNamespace(`${node.name}-busy`);
  const options = { purpose: 'put something in the way', netns: `/run/netns/${netns}` };
  await runCommand(['ip', 'tuntap', 'add', 'dev', 'eth0', 'mode', 'tap'], options);
  const before = await node.snapshot();
  const [busy] = await node.run(['add', 'busy', { netns }]);
  t.is(busy?.error?.code, 'device-exists');
  t.deepEqual(await node.snapshot(), before);

  // Later: the pair is there, but somebody else's default route is too.
  await runCommand(['ip', 'link', 'set', 'eth0', 'name', 'eth1', 'up'], options);
  await runCommand(['ip', 'route', 'add', 'default', 'dev', 'eth1'], options);
  const [routed, list] = await node.run(['add', 'busy', { netns }], ['list']);
  t.is(routed?.error?.code, 'command-failed');
  t.regex(
    routed?.error?.message ?? '',
    /^cannot connect pod busy on its side: ip route add default via 169\.254\.1\.1 .* File exists/,
  );
  t.deepEqual(list?.value, []);
  t.deepEqual(await node.snapshot(), before);
});

test('what is to stand at the edge of a pod is there before its cable, and goes after it; without it there is no pod', async (t) => {
  const node = await makeNode(t);
  const [netns, other] = [await node.makeNamespace(`${node.name}-web`), await node.makeNamespace(`${node.name}-db`)];
  node.settings = { ...node.settings, edgeless: 'db' };
  const outcomes = await node.run(
    ['add', 'web', { netns }],
    ['add', 'db', { netns: other }],
    ['remove', 'web'],
    ['edges'],
    ['list'],
  );
  t.is(outcomes[1]?.error?.code, 'edge-full');
  t.deepEqual(outcomes[3]?.value, ['prepare web false', 'prepare db false', 'release db false', 'release web false']);
  t.deepEqual(outcomes[4]?.value, []);
});

test('a pod that waits for policies delays no other', async (t) => {
  const node = await makeNode(t);
  const [netns, other] = [await node.makeNamespace(`${node.name}-web`), await node.makeNamespace(`${node.name}-db`)];
  node.settings = { ...node.settings, awaiting: 'web' };
  const both = [
    ['web', { netns }],
    ['db', { netns: other }],
  ] as const;
  const edges = await node.runWell(['addTogether', both], ['edges']);
  t.deepEqual(edges, ['prepare db false', 'prepare web false']);
});

test("a device of somebody else's is not touched, whatever its name", async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  await node.runWell(['remove', 'web']);
  await node.ip('tuntap', 'add', 'dev', pod.hostDevice, 'mode', 'tap');
  const outcomes = await node.run(['add', 'web', { netns }], ['reconcile'], ['reset']);
  t.is(outcomes[0]?.error?.code, 'device-exists');
  t.true(await hasDevice(node, pod.hostDevice));
});

test('a restart keeps pods as they are, and repairs those that are not', async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  const other = await node.makeNamespace(`${node.name}-other`);
  await node.runWell(['add', 'other', { netns: other }]);
  await node.ip('route', 'delete', '10.244.1.2');
  const report = await node.runWell<ReconcileReport>(['ensure'], ['reconcile']);
  t.deepEqual(report, { kept: ['other'], repaired: ['web'], gone: [], failed: [], removedLinks: [] });
  t.true(await node.pings(netns, '10.244.1.1'));
  t.is(await node.runWell<Pod[]>(['list']).then((pods) => pods[0]?.hostDevice), pod.hostDevice);
});

test('a restart forgets pods that are gone, and frees their addresses', async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  await runCommand(['ip', 'netns', 'delete', netns], { purpose: 'take the namespace away' });
  await untilGone(node, pod.hostDevice);
  const request = { netns: await node.makeNamespace(`${node.name}-again`), addresses: ['10.244.1.2'] };
  const [report, other, add] = await node.run(['reconcile'], ['add', 'other', request], ['add', 'web', request]);
  t.deepEqual((report?.value as ReconcileReport | undefined)?.gone, [
    { name: 'web', reason: 'its network namespace is gone' },
  ]);
  t.is(other?.error?.code, 'address-cooling');
  t.deepEqual((add?.value as Pod | undefined)?.addresses, ['10.244.1.2']);
});

test('after a reboot nothing is repaired into a namespace that merely has the old name', async (t) => {
  const { node, pod } = await makeNodeWithPod(t);
  await node.ip('link', 'delete', pod.hostDevice);
  node.settings = { ...node.settings, bootId: 'of the next day' };
  const report = await node.runWell<ReconcileReport>(['reconcile']);
  t.deepEqual(report.gone, [{ name: 'web', reason: 'the machine was rebooted' }]);
});

test('devices of ours that nobody knows are removed, those of others are not', async (t) => {
  const { node } = await makeNodeWithPod(t);
  for (const [name, alias] of [
    ['wf0000000a', 'weft:default:lost'],
    ['wf0000000b', 'weft:another-network:pod'],
    ['veth-of-mine', 'weft:default:lost'],
    ['wf0000000c', 'mine'],
  ] as const) {
    await node.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `p-${name.slice(-10)}`);
    await node.ip('link', 'set', name, 'alias', alias);
  }
  const report = await node.runWell<ReconcileReport>(['reconcile']);
  t.deepEqual(report.removedLinks, ['wf0000000a']);
  t.deepEqual(report.kept, ['web']);
});

test('after a reboot in the midst of which the daemon is killed, the rest is still known to be of the day before', async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  const other = await node.makeNamespace(`${node.name}-other`);
  const second = await node.runWell<Pod>(['add', 'other', { netns: other }]);
  for (const device of [pod.hostDevice, second.hostDevice]) await node.ip('link', 'delete', device);
  node.settings = { ...node.settings, bootId: 'of the next day' };
  // The journal is written anew, in four steps; one pod is forgotten, in two; and the line of the other one is not written any more.
  t.deepEqual(await node.run(['crashAfterWrites', 6], ['reconcile']), []);
  const report = await node.runWell<ReconcileReport>(['reconcile']);
  t.deepEqual(report.gone, [{ name: 'other', reason: 'the machine was rebooted' }]);
  t.deepEqual(report.repaired, [], netns);
});

// The line of the record, its way to the disk; then the pod is made; then the line that it is ready, and its way to the disk.
for (const writes of [0, 1, 2, 3]) {
  test(`a daemon that is killed in an add, having written ${writes} times, leaves nothing after the next start`, async (t) => {
    const node = await makeNode(t);
    const before = await node.snapshot();
    const name = `${node.name}-crash`;
    const add = ['add', name, { newNetns: true }] as const;
    t.deepEqual(await node.run(['reconcile'], ['crashAfterWrites', writes], add), []);
    t.is(existsSync(`/run/netns/${name}`), writes >= 2);
    const report = await node.runWell<ReconcileReport>(['reconcile']);
    // The process was killed, not the machine: what was written is there, acknowledged or not.
    if (writes === 3) {
      t.deepEqual(report.kept, [name]);
      await node.runWell(['remove', name]);
    } else t.deepEqual(report.gone, writes === 0 ? [] : [{ name, reason: 'its add was not finished' }]);
    t.deepEqual(await node.snapshot(), before);
    t.deepEqual(await node.runWell<Pod[]>(['list']), []);
    t.like((await node.runWell<IpamStatus>(['status'])).pools[0], { used: 0 });
  });
}

// The first line of a start comes in a file of its own: the file, its way to the disk, its name, and the way of that to the disk.
for (const writes of [0, 1, 2, 3]) {
  test(`a daemon that is killed in the first add after its start, having written ${writes} times, leaves nothing either`, async (t) => {
    const { node } = await makeNodeWithPod(t);
    const before = await node.snapshot();
    const name = `${node.name}-crash`;
    t.deepEqual(await node.run(['crashAfterWrites', writes], ['add', name, { newNetns: true }]), []);
    const report = await node.runWell<ReconcileReport>(['reconcile']);
    t.deepEqual(report.gone, writes < 3 ? [] : [{ name, reason: 'its add was not finished' }]);
    t.deepEqual(report.kept, ['web']);
    t.deepEqual(await node.snapshot(), before);
    t.deepEqual(readdirSync(node.stateDir), ['pods.journal']);
  });
}

for (const writes of [0, 1, 2, 3]) {
  test(`a daemon that is killed in a removal, having written ${writes} times, finishes it at the next start, or did not begin`, async (t) => {
    const { node } = await makeNodeWithPod(t);
    const name = `${node.name}-crash`;
    await node.runWell(['add', name, { newNetns: true }]);
    t.deepEqual(await node.run(['reconcile'], ['crashAfterWrites', writes], ['remove', name]), []);
    const report = await node.runWell<ReconcileReport>(['reconcile']);
    t.deepEqual(report.gone, writes === 1 || writes === 2 ? [{ name, reason: 'its removal was not finished' }] : []);
    t.deepEqual(report.kept, writes === 0 ? ['web', name] : ['web']);
    t.is(existsSync(`/run/netns/${name}`), writes === 0);
    t.like((await node.runWell<IpamStatus>(['status'])).pools[0], { used: writes === 0 ? 2 : 1 });
  });
}

test('leases are checked against the kernel, and what is amiss is put right', async (t) => {
  const { node, netns, pod } = await makeNodeWithPod(t);
  const gone = await node.makeNamespace(`${node.name}-gone`);
  const second = await node.runWell<Pod>(['add', 'gone', { netns: gone }]);
  const fine = await node.runWell<LeaseCheck>(['check', 'look']);
  t.deepEqual(fine.findings, []);
  t.like(fine.compared, { leases: 2, namespaces: 2 });

  await runCommand(['ip', 'netns', 'delete', gone], { purpose: 'take the namespace away' });
  await untilGone(node, second.hostDevice);
  await node.ip('link', 'add', 'wf0000000a', 'type', 'veth', 'peer', 'name', 'p-lost');
  await node.ip('link', 'set', 'wf0000000a', 'up', 'alias', 'weft:default:lost');
  await node.ip('route', 'add', '10.244.1.77', 'dev', 'eth0', 'proto', '87');
  await node.ip('route', 'replace', '10.244.1.2', 'dev', 'eth0', 'proto', '87');
  await node.ip('address', 'add', 'fd00:10:244:1::2/128', 'dev', 'lo');
  const looked = await node.runWell<LeaseCheck>(['check', 'look']);
  const found = looked.findings.map(({ problem, subject }) => `${problem} ${subject}`).toSorted();
  t.deepEqual(
    found,
    [
      'double 10.244.1.2',
      'double fd00:10:244:1::2',
      'gone gone',
      'leak 10.244.1.77',
      'leak wf0000000a',
      'missing 10.244.1.2',
    ].toSorted(),
  );
  t.is(looked.remaining, 6);
  t.like((await node.runWell<IpamStatus>(['status'])).pools[0], { used: 2, gone: 1, cooling: 0 });

  const repaired = await node.runWell<LeaseCheck>(['check', 'repair']);
  t.deepEqual(
    repaired.findings.filter((finding) => !finding.repaired).map(({ problem, subject }) => `${problem} ${subject}`),
    // An address that somebody gave the node is not weft's to take.
    ['double fd00:10:244:1::2'],
  );
  t.is(repaired.remaining, 1);
  t.false(await hasDevice(node, 'wf0000000a'));
  t.like((await node.runWell<IpamStatus>(['status'])).pools[0], { used: 1, gone: 0, cooling: 1, free: 251 });
  await node.ip('address', 'delete', 'fd00:10:244:1::2/128', 'dev', 'lo');
  t.true(await node.pings(netns, '10.244.1.1'));
  t.is((await node.runWell<Pod[]>(['list']))[0]?.hostDevice, pod.hostDevice);
});

test('a journal with a damaged line is refused by the next start, and left as it is', async (t) => {
  const { node } = await makeNodeWithPod(t);
  const file = join(node.stateDir, 'pods.journal');
  await node.runWell(['add', `${node.name}-made`, { newNetns: true }]);
  const whole = readFileSync(file, 'utf8');
  writeFileSync(file, whole.replace('"adding"', '"Adding"'));
  const [refused] = await node.run(['reconcile']);
  t.is(refused?.error?.code, 'store-corrupt');
  t.regex(refused?.error?.message ?? '', /pods\.journal is damaged at byte \d+ of it, and is left as it is/);
  t.is(readFileSync(file, 'utf8'), whole.replace('"adding"', '"Adding"'));
  writeFileSync(file, whole);
  t.is((await node.runWell<ReconcileReport>(['reconcile'])).kept.length, 2);
});

test('reset leaves nothing, with or without what was stored', async (t) => {
  const node = await PodNode.make();
  t.teardown(() => node.remove());
  const netns = await node.makeNamespace(`${node.name}-web`);
  // Kernel parameters stay as they were set, and this one gives every prefix an anycast address.
  const forward = ['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'];
  await runCommand(forward, { purpose: 'turn forwarding on', netns: node.netns });
  const before = await node.snapshot();
  for (const damage of [false, true]) {
    await node.makeTun();
    const made = `${node.name}-made`;
    await node.runWell(['ensure'], ['add', 'web', { netns }], ['add', made, { newNetns: true }]);
    if (damage) {
      writeFileSync(join(node.stateDir, 'pods.journal'), '{');
      // Without the records nobody knows whose namespace it is.
      await runCommand(['ip', 'netns', 'delete', made], { purpose: 'remove what reset cannot know' });
    }
    const report = await node.runWell<ResetReport>(['reset']);
    t.deepEqual(report.pods, damage ? [] : ['web', made]);
    t.deepEqual(report.namespaces, damage ? [] : [`/run/netns/${made}`]);
    t.deepEqual(report.nftTables, ['inet weft', 'inet weft-pods', 'arp weft-pods']);
    t.deepEqual(await node.snapshot(), before);
    t.false(existsSync(node.stateDir));
    const again = await node.runWell<ResetReport>(['reset']);
    t.deepEqual(Object.values(again).flat(), []);
  }
});

test('setting up the node again changes nothing, and another configuration leaves nothing of the first', async (t) => {
  const { node, netns } = await makeNodeWithPod(t);
  const before = await node.snapshot();
  t.deepEqual(await node.runWell<Notice[]>(['ensure']), []);
  t.deepEqual(await node.snapshot(), before);
  await node.ip('route', 'add', '10.99.0.0/16', 'dev', 'weft0', 'proto', '87', 'metric', '87');
  await node.ip('route', 'add', 'blackhole', 'fd00:99::/48', 'proto', '87', 'metric', '4000000');
  await node.ip('address', 'add', '10.99.1.1/32', 'dev', 'weft0');
  await node.runWell(['ensure']);
  t.deepEqual(await node.snapshot(), before);
  t.true(await node.pings(netns, '10.244.1.1'));
});

test("others' rules and routes in the way are named, and not changed", async (t) => {
  const { node } = await makeNodeWithPod(t);
  const drop = 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }';
  await runCommand(['nft', drop], { purpose: 'drop what is forwarded', netns: node.netns });
  await node.ip('route', 'add', '10.244.7.0/24', 'via', '198.18.0.2');
  const before = await node.snapshot();
  const notices = await node.runWell<Notice[]>(['ensure']);
  t.deepEqual(
    notices.map(({ code }) => code),
    ['prefix-overlaps-host-route', 'forward-policy-drop'],
  );
  t.regex(
    notices[1]?.message ?? '',
    /nftables chain ip filter FORWARD: policy drop, and no rule accepts packets from pods/,
  );
  t.deepEqual(await node.snapshot(), before);
});

test('what a new configuration does not let a router send from goes at the next start, and nothing else', async (t) => {
  const node = await makeNode(t);
  const netns = await node.makeNamespace(`${node.name}-gw`);
  const pod = await node.runWell<Pod>(['add', 'gw', { netns, allowSources: ['10.244.7.0/24', '10.244.8.0/24'] }]);
  t.deepEqual(pod.allowSources, ['10.244.7.0/24', '10.244.8.0/24']);
  const routes = async (): Promise<string> => node.ip('route', 'show', 'proto', '87');
  const sources = async (): Promise<string> =>
    runCommand(['nft', 'list', 'set', 'inet', 'weft-pods', 'behind4'], { purpose: 'look', netns: node.netns });
  t.regex(await routes(), /^10\.244\.7\.0\/24 via 10\.244\.1\.2 dev wf/m);
  t.regex(await sources(), /10\.244\.7\.0\/24/);

  node.settings = { ...node.settings, nodePrefixes: [...node.settings.nodePrefixes, '10.244.7.0/24'] };
  const report = await node.runWell<ReconcileReport>(['ensure'], ['reconcile']);
  t.deepEqual(report.repaired, ['gw']);
  t.notRegex(await routes(), /10\.244\.7\.0\/24 via/);
  t.regex(await routes(), /^10\.244\.8\.0\/24 via 10\.244\.1\.2 dev wf/m);
  t.notRegex(await sources(), /10\.244\.7\.0\/24/);
  const [after] = await node.runWell<Pod[]>(['list']);
  t.deepEqual(after?.allowSources, ['10.244.8.0/24']);
  t.is(after?.notices[0]?.code, 'pod-source-not-allowed');
});

test('what lies behind a router that is gone is unreachable, and leaks nowhere', async (t) => {
  const node = await makeNode(t);
  const netns = await node.makeNamespace(`${node.name}-gw`);
  const [, pod] = await node.run(['ensure'], ['add', 'gw', { netns, allowSources: ['10.244.7.0/24'] }], ['ensure']);
  await node.ip('link', 'delete', (pod!.value as Pod).hostDevice);
  const argv = ['sh', '-c', 'ip route get 10.244.7.9 2>&1 || true'];
  t.regex(await runCommand(argv, { purpose: 'look', netns: node.netns }), /No route to host|unreachable/);
});
