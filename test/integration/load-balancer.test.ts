/** Addresses of load balancers in a lab: whoever is on the link of the nodes reaches them, whichever nodes there are. */
import test from 'ava';
import type { ListedService } from '../../src/api/service-api.ts';
import { call, NAMING_PORT, refusal, serveName } from '../support/naming-server.ts';
import type { ProgramResult } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const nodes = ['n1', 'n2', 'n3'] as const;
const ADDRESS = '198.18.200.7';
const ADDRESS6 = 'fd00:198:18::c807';

let lab: TestLab;

async function ask(node: string, ...args: readonly string[]): Promise<string> {
  return (await lab.tryAsk(node, ...args)).succeeded();
}

async function add(name: string, ...args: readonly string[]): Promise<string> {
  const ports = ['--port', `80:${NAMING_PORT}`, '--selector', 'app=web'];
  return await ask('n1', 'service', 'add', name, ...ports, '--load-balancer', ...args);
}

async function addWrong(...args: readonly string[]): Promise<ProgramResult> {
  return await lab.tryAsk('n2', 'service', 'add', 'wrong', '--port', '80', '--selector', 'app=web', ...args);
}

async function service(node: string, name: string): Promise<ListedService | undefined> {
  return (await lab.control(node).services()).services.find((one) => one.name === name);
}

/** The node that answers, if these nodes agree about it. */
async function announcer(name: string, ...asked: readonly string[]): Promise<string> {
  const told = await Promise.all(
    asked.map(async (node) => (await service(node, name))?.loadBalancerAddresses[0]?.node ?? null),
  );
  return told.every((one) => one !== null && one === told[0]) ? told[0]! : '';
}

async function announced(name: string, asked: readonly string[] = nodes): Promise<string> {
  await until(`nodes agree who answers for ${name}`, async () => (await announcer(name, ...asked)) !== '');
  return await announcer(name, ...asked);
}

/** What the doctor finds about addresses of load balancers. */
async function balancerFindings(node: string): Promise<readonly string[]> {
  const { nodes: examined } = await lab.control(node).doctor({});
  return examined
    .flatMap(({ findings }) => findings)
    .filter(({ id }) => id.startsWith('balancer-'))
    .map(({ id, evidence }) => `${id}: ${evidence.join('; ')}`);
}

/** MAC address that the world has for an address; empty: none. */
async function neighbour(address: string): Promise<string> {
  const text = await lab.exec('world', 'ip', 'neigh', 'show', address);
  return /lladdr (\S+)/.exec(text)?.[1] ?? '';
}

async function macOf(place: string): Promise<string> {
  return /link\/ether (\S+)/.exec(await lab.exec(place, 'ip', 'link', 'show', 'eth0'))![1]!;
}

test.before(async () => {
  const pools = ['198.18.200.0/29', '203.0.113.1-203.0.113.1', 'fd00:198:18::c800/125'];
  lab = await TestLab.up('--nodes', '3', '--pods', '1', '--set', `services.pools=${pools.join(',')}`);
  for (const node of nodes) {
    const netns = `/run/netns/${lab.name}-${node}-p1`;
    await lab.control(node).addPod('p1', { netns, labels: { app: node === 'n3' ? 'other' : 'web' } });
    await serveName(lab, `${node}-p1`);
  }
});

test.after.always(async () => lab?.down());

test.serial('a service gets the addresses that it asks for, and whoever is on the link reaches it there', async (t) => {
  const told = await add('web', '--address', `${ADDRESS},${ADDRESS6}`);
  t.regex(told, /^service default\/web created: 10\.96\.\S+, \S+, load balancer 198\.18\.200\.7, fd00:198:18::c807\n$/);
  await announced('web');
  for (const address of [ADDRESS, ADDRESS6]) {
    const said = new Set<string>();
    await until(`the world reached both through ${address}`, async () => {
      said.add((await call(lab, 'world', address, 80)).split(' ')[0]!);
      said.delete('');
      return said.size === 2;
    });
    t.deepEqual([...said].sort(), ['n1-p1', 'n2-p1']);
  }
  const [at4, at6] = (await service('n3', 'web'))!.loadBalancerAddresses;
  t.is(await neighbour(ADDRESS), await macOf(at4!.node!));
  t.is(await neighbour(ADDRESS6), await macOf(at6!.node!));
  t.regex(await ask('n2', 'services', 'web'), /balancer {2}198\.18\.200\.7, announced by n[123]\n/);
});

test.serial('the address is on no interface, and a port that no service has there is refused', async (t) => {
  for (const node of nodes) t.false((await lab.exec(node, 'ip', 'address')).includes(ADDRESS));
  t.is(await refusal(lab, 'world', ADDRESS, 81), 'refused');
  t.regex((await lab.tryExec('world', 'ping', '-c', '1', '-w', '5', ADDRESS)).stdout, /Port Unreachable/);
});

test.serial('pods and nodes reach it without leaving their node', async (t) => {
  for (const node of nodes) {
    t.regex(await call(lab, `${node}-p1`, ADDRESS, 80), /^n[12]-p1 /);
    t.regex(await call(lab, node, ADDRESS, 80), /^n[12]-p1 /);
  }
  const explained = await ask('n1', 'explain', 'n3/p1', ADDRESS, '--proto', 'tcp', '--dport', '80');
  t.regex(explained, /DELIVERED/);
  t.regex(explained, /198\.18\.200\.7 tcp 80 is service default\/web/);
  const other = await lab.tryAsk('n1', 'explain', 'n3/p1', ADDRESS, '--proto', 'tcp', '--dport', '81');
  t.regex(
    other.stdout,
    /BLOCKED: n3 refuses it: the address is one of services, and none of them has 198\.18\.200\.7 tcp 81/,
  );
});

test.serial('what cannot be had is said, and nothing changes', async (t) => {
  const taken = await addWrong('--load-balancer', '--address', ADDRESS);
  t.is(taken.exitCode, 1);
  t.regex(taken.stderr, /service default\/web has the address 198\.18\.200\.7, and the two have no sharing key/);
  const outside = await addWrong('--load-balancer', '--address', '198.18.0.99');
  t.is(outside.exitCode, 2);
  t.regex(outside.stderr, /198\.18\.0\.99 is in none of services\.pools: 198\.18\.200\.0\/29/);
  t.regex(
    (await addWrong('--share', 'a')).stderr,
    /--share is about addresses of a load balancer: add --load-balancer/,
  );
  t.is(await service('n1', 'wrong'), undefined);
});

test.serial('services with one sharing key share an address, each with its own ports', async (t) => {
  for (const [name, port] of [
    ['one', 80],
    ['two', 81],
  ] as const)
    await ask(
      'n2',
      'service',
      'add',
      name,
      '--port',
      `${port}:${NAMING_PORT}`,
      '--selector',
      'app=web',
      '--load-balancer',
      '--share',
      'both',
    );
  await announced('two');
  const [one, two] = await Promise.all(['one', 'two'].map(async (name) => service('n1', name)));
  t.deepEqual(one!.loadBalancerAddresses, two!.loadBalancerAddresses);
  for (const port of [80, 81])
    t.regex(await call(lab, 'world', one!.loadBalancerAddresses[0]!.address, port), /^n[12]-p1 /);
  await ask('n2', 'service', 'rm', 'one', 'two');
});

test.serial('whoever may not use it gets no answer', async (t) => {
  await add('guarded', '--sources', '203.0.113.0/24,2001:db8::/32');
  const { address } = (await service('n1', 'guarded'))!.loadBalancerAddresses[0]!;
  await announced('guarded');
  t.is(await refusal(lab, 'world', address, 80), 'timed out');
  await add('guarded', '--sources', '198.18.0.0/15,fd00::/8');
  t.is((await service('n1', 'guarded'))!.loadBalancerAddresses[0]!.address, address);
  await until('the world reaches it', async () => (await call(lab, 'world', address, 80)) !== '');
  await ask('n1', 'service', 'rm', 'guarded');
});

test.serial(
  'a service that keeps to backends of its node is answered for by a node with one, and sees the client',
  async (t) => {
    await add('near', '--local', '--address', '198.18.200.3');
    const node = await announced('near');
    t.true(['n1', 'n2'].includes(node), node);
    await until('the world reaches it', async () => (await call(lab, 'world', '198.18.200.3', 80)) !== '');
    t.is(await call(lab, 'world', '198.18.200.3', 80), `${node}-p1 198.18.255.254`);
    // It has no backend any more: the other node answers.
    const netns = `/run/netns/${lab.name}-${node}-p1`;
    await lab.control(node).addPod('p1', { netns, labels: { app: 'other' } });
    const other = node === 'n1' ? 'n2' : 'n1';
    await until('the other answers', async () => (await announcer('near', ...nodes)) === other);
    await until('the world reaches the other', async () =>
      (await call(lab, 'world', '198.18.200.3', 80)).startsWith(`${other}-p1 `),
    );
    await lab.control(node).addPod('p1', { netns, labels: { app: 'web' } });
    await until('the first answers again', async () => (await announcer('near', ...nodes)) === node);
    await ask('n1', 'service', 'rm', 'near');
  },
);

test.serial('a node whose daemon is restarted keeps its addresses', async (t) => {
  const node = await announced('web');
  const [other] = nodes.filter((one) => one !== node);
  await lab.lab('stop', node);
  t.is((await service(other!, 'web'))!.loadBalancerAddresses[0]!.node, node);
  // The kernel goes on.
  t.regex(await call(lab, 'world', ADDRESS, 80), new RegExp(`^(${node}-p1 .*)?$`));
  await lab.lab('start', node);
  await until('it answers again', async () => (await announcer('web', ...nodes)) === node);
  await until('the world reaches it', async () => (await call(lab, 'world', ADDRESS, 80)) !== '');
});

test.serial('a node that dies is followed by another, and the link is told', async (t) => {
  const node = await announced('web');
  const others = nodes.filter((one) => one !== node);
  await call(lab, 'world', ADDRESS, 80);
  await lab.lab('kill', node);
  await lab.exec(node, 'ip', 'link', 'set', 'eth0', 'down');
  await until('another answers', async () => others.includes((await announcer('web', ...others)) as 'n1'));
  const next = await announcer('web', ...others);
  // By the announcement alone: the world has not asked.
  await until('the world knows', async () => (await neighbour(ADDRESS)) === (await macOf(next)));
  await until('the world reaches it', async () => (await call(lab, 'world', ADDRESS, 80)) !== '');
  const ids = (await balancerFindings(next)).map((text) => text.split(':')[0]!);
  t.true(ids.includes('balancer-partition'), ids.join());
  await lab.exec(node, 'ip', 'link', 'set', 'eth0', 'up');
  await lab.lab('start', node);
  await until('the first answers again', async () => (await announcer('web', ...nodes)) === node);
  await until('the world reaches it', async () => (await call(lab, 'world', ADDRESS, 80)) !== '');
});

test.serial(
  'another host with the address is found, and so is an address that no node is on the link of',
  async (t) => {
    const node = await announced('web');
    const found = async () => balancerFindings(node);
    t.deepEqual(await found(), []);
    await lab.exec('world', 'ip', 'address', 'add', `${ADDRESS}/32`, 'dev', 'eth0');
    const mac = await macOf('world');
    await until('the doctor finds it', async () => (await found()).length > 0, 90_000);
    t.deepEqual(await found(), [`balancer-contested: ${mac} answers for ${ADDRESS} on eth0, too`]);
    await lab.exec('world', 'ip', 'address', 'delete', `${ADDRESS}/32`, 'dev', 'eth0');

    await add('far', '--address', '203.0.113.1');
    const unanswered = 'balancer-unanswered: nobody answers for 203.0.113.1';
    await until('that is found', async () => (await found()).includes(unanswered));
    t.regex(await ask(node, 'services', 'far'), /balancer {2}203\.0\.113\.1, announced by no node\n/);
    await ask('n1', 'service', 'rm', 'far');
  },
);

test.serial('a service that is removed is answered for by nobody', async (t) => {
  await ask('n3', 'service', 'rm', 'web');
  await lab.exec('world', 'ip', 'neigh', 'flush', 'dev', 'eth0');
  await until('nobody answers', async () => (await refusal(lab, 'world', ADDRESS, 80)) !== 'refused');
  t.is(await call(lab, 'world', ADDRESS, 80), '');
});
