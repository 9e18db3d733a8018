/** The CNI plugin as a program, against a daemon. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { patiently } from '../../src/cni/daemon.ts';
import { SPOOL_DIRECTORY } from '../../src/linux/cni-spool.ts';
import { listLinks } from '../../src/linux/link.ts';
import { CniRuntime, type AddResult } from '../support/cni-runtime.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

let lab: TestLab;
let runtime: CniRuntime;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
  runtime = new CniRuntime(lab, 'n1');
});

test.after.always(async () => {
  await runtime?.remove();
  await lab?.down();
});

/** Containers that the daemon knows, with their interfaces. */
async function attached(): Promise<string[]> {
  const all = await lab.control('n1').attachments();
  return all.map(({ cniNetwork, containerId, interface: name }) => `${cniNetwork} ${containerId} ${name}`).toSorted();
}

/** Devices of pods in the node, and addresses that are leased. */
async function held(): Promise<{ devices: number; used: number }> {
  const links = await listLinks(`/run/netns/${lab.name}-n1`);
  const { families } = await lab.control('n1').ipamStatus();
  return { devices: links.filter(({ ifname }) => /^wf[0-9a-f]{8}$/.test(ifname)).length, used: families[0]!.used };
}

const oneOfMany = (containerId: string) => ({ cniNetwork: 'many', containerId, interface: 'eth0' });

const addressOf = ({ ips }: AddResult, at = 0): string => ips[at]!.address.split('/')[0]!;

/** What the node's kernel remembers of what somebody sent. */
async function connectionsOf(address: string): Promise<string> {
  return await lab.exec('n1', 'conntrack', '-L', '--orig-src', address);
}

test.serial('a container is attached, reaches other nodes, and leaves nothing behind', async (t) => {
  const before = await held();
  await runtime.make('c1');
  const result = await runtime.add({
    container: 'c1',
    env: { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;X=y' },
  });
  const [host, inside] = result.interfaces;
  t.deepEqual(
    { ...result, interfaces: [] },
    {
      cniVersion: '1.1.0',
      interfaces: [],
      ips: [
        { address: '10.244.1.3/32', gateway: '169.254.1.1', interface: 1 },
        { address: 'fd00:10:244:1::3/128', gateway: 'fe80::1', interface: 1 },
      ],
      routes: [
        { dst: '0.0.0.0/0', gw: '169.254.1.1' },
        { dst: '::/0', gw: 'fe80::1' },
      ],
      dns: {
        nameservers: ['169.254.1.1'],
        search: ['shop.weft.internal', 'weft.internal'],
        options: ['timeout:1', 'attempts:3'],
      },
    },
  );
  t.like(inside, { name: 'eth0', mtu: 1_450, sandbox: `/run/netns/${lab.name}-c1` });
  const link = (await listLinks(`/run/netns/${lab.name}-n1`)).find(({ ifname }) => ifname === host!.name);
  t.is(link?.address, host!.mac);
  t.is((await listLinks(`/run/netns/${lab.name}-c1`)).find(({ ifname }) => ifname === 'eth0')?.address, inside!.mac);
  for (const address of ['10.244.2.2', 'fd00:10:244:2::2', '10.244.1.2']) await runtime.untilReaches('c1', address);
  const pod = (await lab.control('n1').pods()).find(({ attachment }) => attachment?.containerId === 'c1');
  t.like(pod, { name: 'web', namespace: 'shop', attachment: { containerId: 'c1', cniNetwork: 'overlay' } });

  t.is(await runtime.run('CHECK', { container: 'c1', conf: { prevResult: result } }), '');
  t.is(await runtime.run('STATUS', { container: 'c1' }), '');
  t.not(await connectionsOf(addressOf(result)), '');
  t.is(await runtime.run('DEL', { container: 'c1' }), '');
  t.is(await connectionsOf(addressOf(result)), '');
  t.is(await runtime.run('DEL', { container: 'c1', env: { CNI_NETNS: '' } }), '');
  t.deepEqual(await attached(), []);
  t.deepEqual(await held(), before);
  t.deepEqual(
    (await listLinks(`/run/netns/${lab.name}-c1`)).map(({ ifname }) => ifname),
    ['lo'],
  );
  await runtime.end('c1');
});

test.serial('CHECK fails with what somebody changed by hand, inside of the container', async (t) => {
  await runtime.make('ck');
  const prevResult = await runtime.add({ container: 'ck' });
  const call = { container: 'ck', conf: { prevResult } };
  const own = addressOf(prevResult);
  const again = async (): Promise<void> => {
    await runtime.run('DEL', { container: 'ck' });
    await runtime.add({
      container: 'ck',
      conf: { runtimeConfig: { ips: prevResult.ips.map(({ address }) => address) } },
    });
    t.is(await runtime.run('CHECK', call), '');
  };
  const changes: [argv: string, difference: RegExp][] = [
    ['ip route delete default', /no default route/],
    ['ip link set dev eth0 mtu 1400', /the MTU of eth0 is 1400, and not 1450/],
    [`ip address delete ${own}/32 dev eth0`, new RegExp(`no address ${own.replaceAll('.', String.raw`\.`)}/32`)],
  ];
  for (const [argv, difference] of changes) {
    (await runtime.exec('ck', ...argv.split(' '))).succeeded();
    const { code, msg } = await runtime.error('CHECK', call);
    t.is(code, 101);
    t.regex(msg, difference, argv);
    await again();
  }
  const other = prevResult.ips.map((ip) => ({ ...ip, address: ip.address.replace(own, '10.244.1.99') }));
  const lied = await runtime.error('CHECK', { container: 'ck', conf: { prevResult: { ...prevResult, ips: other } } });
  t.regex(lied.msg, /the addresses that are leased to it are .*, and not 10\.244\.1\.99/);
  await runtime.run('DEL', { container: 'ck' });
  t.regex((await runtime.error('CHECK', call)).msg, /weft knows no interface eth0 of container ck in network overlay/);
  await runtime.end('ck');
});

test.serial(
  'a container has several interfaces, each with its own addresses, and one with default routes',
  async (t) => {
    await runtime.make('two', 'peer');
    const peer = await runtime.add({ container: 'peer' });
    const first = await runtime.add({ container: 'two' });
    const second = await runtime.add({
      container: 'two',
      interface: 'net1',
      conf: { cniVersion: '0.4.0', name: 'storage' },
    });
    t.deepEqual(second.routes, []);
    t.deepEqual(
      second.ips.map(({ version }) => version),
      ['4', '6'],
    );
    t.is(second.interfaces[1]!.mtu, undefined);
    for (const at of [0, 1]) {
      const target = addressOf(peer, at);
      await runtime.untilReaches('two', target, addressOf(first, at));
      await runtime.untilReaches('two', target, addressOf(second, at));
      await runtime.untilReaches('peer', addressOf(second, at));
    }
    await runtime.untilReaches('two', '10.244.2.2', addressOf(second));
    const call = { container: 'two', interface: 'net1' };
    t.is(
      await runtime.run('CHECK', {
        ...call,
        conf: { name: 'storage', prevResult: { ...second, cniVersion: '1.1.0' } },
      }),
      '',
    );
    (await runtime.exec('two', 'ip', 'rule', 'delete', 'from', addressOf(second))).succeeded();
    const { msg } = await runtime.error('CHECK', { ...call, conf: { name: 'storage', prevResult: second } });
    t.regex(msg, /no default route/);

    // Of another network than it is in, there is none.
    await runtime.run('DEL', call);
    t.deepEqual(
      (await attached()).filter((one) => one.includes('two')),
      ['overlay two eth0', 'storage two net1'],
    );
    await runtime.run('DEL', { ...call, conf: { name: 'storage' } });
    t.is(await runtime.run('CHECK', { container: 'two', conf: { prevResult: first } }), '');
    await runtime.untilReaches('two', '10.244.2.2');
    for (const container of ['two', 'peer']) {
      await runtime.run('DEL', { container });
      await runtime.end(container);
    }
  },
);

test.serial("what cannot be is refused by the specification's codes, and says what to do", async (t) => {
  await runtime.make('bad');
  await runtime.add({ container: 'bad' });
  const twice = await runtime.error('ADD', { container: 'bad' });
  t.is(twice.code, 100);
  t.regex(
    twice.msg,
    /container bad \(eth0\) is attached already, in \/run\/netns\/.*: it is to be deleted first \(CNI DEL\)/,
  );
  const nowhere = await runtime.error('ADD', { container: 'none' });
  t.is(nowhere.code, 4);
  t.regex(nowhere.msg, /^CNI_NETNS: there is no network namespace/);
  const ofNode = await runtime.error('ADD', { container: 'none', env: { CNI_NETNS: `/run/netns/${lab.name}-n1` } });
  t.is(ofNode.code, 4);
  t.regex(ofNode.msg, /is the network namespace of the node itself/);
  const outside = await runtime.error('ADD', {
    container: 'none',
    env: { CNI_NETNS: `/run/netns/${lab.name}-n1-p1` },
    conf: { runtimeConfig: { ips: ['10.99.0.2/24'] } },
  });
  t.like(outside, { code: 100, details: 'netns-in-use' });
  await runtime.make('out');
  const address = await runtime.error('ADD', { container: 'out', conf: { runtimeConfig: { ips: ['10.99.0.2/24'] } } });
  t.is(address.code, 7);
  t.regex(address.msg, /10\.99\.0\.2/);
  const taken = await runtime.error('ADD', { container: 'out', conf: { runtimeConfig: { ips: ['10.244.1.2'] } } });
  t.like(taken, { code: 100, details: 'address-in-use' });
  (await runtime.exec('out', 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'other')).succeeded();
  t.like(await runtime.error('ADD', { container: 'out' }), { code: 100, details: 'device-exists' });
  await runtime.run('DEL', { container: 'bad' });
  t.deepEqual(await attached(), []);
  for (const container of ['bad', 'out']) await runtime.end(container);
});

test.serial('of containers of one name the newest has it, and a pod by hand is refused it', async (t) => {
  await runtime.make('old', 'new');
  const args = { CNI_ARGS: 'K8S_POD_NAME=My_App;K8S_POD_NAMESPACE=shop' };
  await runtime.add({ container: 'old', env: args });
  await runtime.add({ container: 'new', env: args });
  const pods = (await lab.control('n1').pods()).filter(({ attachment }) => attachment !== null);
  const [{ name } = { name: '' }] = pods;
  t.regex(name, /^my-app-[0-9a-f]{8}$/);
  t.deepEqual(
    pods.map((pod) => [pod.namespace, pod.name]),
    [
      ['shop', name],
      ['shop', name],
    ],
  );
  t.true(pods[0]!.notices.some(({ message }) => message.includes('"shop/My_App", which DNS cannot carry')));
  const error = await t.throwsAsync(lab.control('n1').addPod(name, { newNetns: true, namespace: 'shop' }), {
    code: 'pod-exists',
  });
  t.regex(error.message, /is container old \(eth0\): choose another name or namespace/);
  for (const container of ['old', 'new']) {
    await runtime.run('DEL', { container });
    await runtime.end(container);
  }
});

test.serial('GC frees what leaked in the network, and nothing else', async (t) => {
  await runtime.make('g1', 'g2', 'g3');
  await runtime.add({ container: 'g1' });
  await runtime.add({ container: 'g2' });
  await runtime.add({ container: 'g3', conf: { name: 'storage' } });
  await runtime.end('g2');
  const valid = { 'cni.dev/valid-attachments': [{ containerID: 'g1', ifname: 'eth0' }] };
  t.like(await runtime.error('GC', { container: '' }), { code: 7 });
  await runtime.run('GC', { container: '', conf: valid });
  t.deepEqual(await attached(), ['overlay g1 eth0', 'storage g3 eth0']);
  t.true((await lab.control('n1').pods()).some(({ attachment }) => attachment === null));
  await runtime.run('GC', { container: '', conf: { 'cni.dev/valid-attachments': [] } });
  await runtime.run('GC', { container: '', conf: { name: 'storage', 'cni.dev/valid-attachments': [] } });
  t.deepEqual(await attached(), []);
  for (const container of ['g1', 'g3']) await runtime.end(container);
});

test.serial(
  'DEL succeeds while no daemon runs, any number of times, and the daemon carries it out before it listens',
  async (t) => {
    const before = await held();
    await runtime.make('d1', 'd2');
    const kept = await runtime.add({ container: 'd1' });
    await runtime.add({ container: 'd2' });
    await lab.lab('stop', 'n1');
    for (let round = 0; round < 2; round++) t.is(await runtime.run('DEL', { container: 'd1' }), '');
    await runtime.end('d2');
    t.is(await runtime.run('DEL', { container: 'd2', env: { CNI_NETNS: '' } }), '');
    const spool = join(lab.files('n1').stateDir, SPOOL_DIRECTORY);
    t.is(readdirSync(spool).length, 2);
    t.like(await runtime.error('STATUS', { container: '' }), { code: 51 });
    t.like(await runtime.error('CHECK', { container: 'd1', conf: { prevResult: kept } }), { code: 11 });

    // One that is added again meanwhile waits for the daemon, which forgets the old one first.
    await Promise.all([runtime.add({ container: 'd1' }), lab.lab('start', 'n1')]);
    t.deepEqual(readdirSync(spool), []);
    t.deepEqual(await attached(), ['overlay d1 eth0']);
    await runtime.untilReaches('d1', '10.244.1.2');
    await runtime.run('DEL', { container: 'd1' });
    t.deepEqual(await held(), before);
    await runtime.end('d1');
  },
);

test.serial('a removal that is spooled while the daemon runs is carried out at once', async (t) => {
  await runtime.make('s1');
  await runtime.add({ container: 's1' });
  // As a plugin that was told of another socket would.
  await runtime.run('DEL', { container: 's1', conf: { socket: '/nowhere/weft.sock' } });
  await until(
    'the daemon carries out what is spooled',
    async () => !(await attached()).some((one) => one.includes('s1')),
  );
  t.false(existsSync(join(lab.files('n1').stateDir, SPOOL_DIRECTORY, 'x')));
  await runtime.end('s1');
});

test.serial('a hundred containers at one time are attached and removed, and nothing is left', async (t) => {
  const before = await held();
  const containers = Array.from({ length: 100 }, (_, at) => `m${at}`);
  await runtime.make(...containers);
  const control = lab.control('n1');
  const all = await Promise.all(
    containers.map(async (one) => {
      const request = { ...oneOfMany(one), netns: `/run/netns/${runtime.netns(one)}` };
      return await patiently(async () => await control.attach(request), false);
    }),
  );
  t.is(new Set(all.flatMap(({ pod }) => pod.addresses)).size, 2 * containers.length);
  t.is(new Set(all.map(({ pod }) => pod.hostDevice)).size, containers.length);
  t.deepEqual(await held(), { devices: before.devices + containers.length, used: before.used + containers.length });
  for (const one of ['m0', 'm99']) await runtime.untilReaches(one, '10.244.2.2');
  const removed = await Promise.all(
    containers.map(async (one) => await patiently(async () => await control.detach(oneOfMany(one)), false)),
  );
  t.true(removed.every(Boolean));
  t.deepEqual(await held(), before);
  for (const one of containers) await runtime.end(one);
});

test.serial('another plugin gives the addresses, of this node only, and is told when they are free', async (t) => {
  if (!existsSync('/usr/lib/cni/host-local')) {
    t.log('not tested: no host-local here (Debian: containernetworking-plugins)');
    t.pass();
    return;
  }
  const dataDir = join(runtime.binDirectory, 'ipam');
  const ipam = (subnet: string) => ({
    cniVersion: '1.0.0',
    ipam: { type: 'host-local', dataDir, ranges: [[{ subnet, rangeStart: subnet.replace('0/24', '200') }]] },
  });
  await runtime.make('ipam');
  const call = { container: 'ipam', conf: ipam('10.244.1.0/24') };
  const result = await runtime.add(call);
  t.deepEqual(
    result.ips.map(({ address }) => address),
    ['10.244.1.200/32'],
  );
  await runtime.untilReaches('ipam', '10.244.2.2');
  await t.throwsAsync(lab.control('n1').addPod('other', { newNetns: true, addresses: ['10.244.1.200'] }), {
    code: 'address-in-use',
  });
  await runtime.run('CHECK', { ...call, conf: { ...call.conf, prevResult: result } });
  await runtime.run('DEL', call);
  const leases = (): string[] => readdirSync(join(dataDir, 'overlay')).filter((name) => name.startsWith('10.'));
  t.deepEqual(leases(), []);
  const outside = await runtime.error('ADD', { container: 'ipam', conf: ipam('10.99.0.0/24') });
  t.is(outside.code, 7);
  t.regex(outside.msg, /10\.99\.0\.200/);
  t.deepEqual(leases(), []);
  await runtime.end('ipam');
});
