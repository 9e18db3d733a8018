import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { loadConfig } from '../../../src/daemon/config/config.ts';
import { chooseUnderlay, type Underlay } from '../../../src/daemon/underlay/underlay.ts';
import type { RunCommand } from '../../../src/daemon/underlay/underlay-host.ts';
import { formatIpAddress, parseEndpoint, parseIpAddress } from '../../../src/wire/address.ts';

interface HostAddress {
  readonly local: string;
  readonly scope: string;
  readonly tentative?: boolean;
}

const global = (local: string): HostAddress => ({ local, scope: 'global' });

const devices = [
  {
    ifindex: 1,
    ifname: 'lo',
    mtu: 65_536,
    flags: ['LOOPBACK', 'UP'],
    addr_info: [{ local: '127.0.0.1', scope: 'host' }],
  },
  {
    ifindex: 2,
    ifname: 'eth0',
    mtu: 1500,
    flags: ['UP'],
    addr_info: [
      global('192.0.2.2'),
      { local: 'fe80::1', scope: 'link' },
      { ...global('2001:db8::9'), tentative: true },
      global('2001:db8::2'),
    ],
  },
  { ifindex: 3, ifname: 'eth1', mtu: 9000, flags: ['UP'], addr_info: [global('198.18.0.1')] },
  { ifindex: 4, ifname: 'weft0', mtu: 1450, flags: ['UP'], addr_info: [global('10.244.1.1')] },
  { ifindex: 5, ifname: 'eth2', mtu: 1500, flags: ['UP'], addr_info: [{ local: 'fe80::2', scope: 'link' }] },
];

/** What `ip` says on a machine with these devices; destinations without a route fail, as with `ip`. */
const machine: RunCommand = async (argv) => {
  const asked = argv.slice(2).join(' ');
  const answers: Record<string, object[]> = {
    'addr show': devices,
    'route get 198.18.0.2': [{ dst: '198.18.0.2', dev: 'eth1', prefsrc: '198.18.0.1' }],
    'route get 2001:db8::7': [{ dst: '2001:db8::7', dev: 'eth0', prefsrc: '2001:db8::2' }],
    'route get 10.245.0.1': [{ dst: '10.245.0.1', dev: 'weft0', prefsrc: '10.244.1.1' }],
    '-4 route show default': [
      { dst: 'default', dev: 'eth1', metric: 200 },
      { dst: 'default', dev: 'eth0', metric: 100 },
    ],
    '-6 route show default': [],
  };
  const answer = answers[asked];
  return await (answer === undefined ? Promise.reject(new Error(asked)) : Promise.resolve(JSON.stringify(answer)));
};

const isolated: RunCommand = async (argv) =>
  await Promise.resolve(argv.includes('addr') ? JSON.stringify(devices) : '');

/** What was in use before, of a device that is gone unless another index is given. */
function used(address: string, index = 9, device = 'eth7'): Underlay {
  return { interface: device, index, address: parseIpAddress(address)!, mtuBytes: 1500, reason: 'it was chosen' };
}

const lost4 = used('203.0.113.1');
const lost6 = used('2001:db8::99');

async function choose(
  flags: Record<string, string>,
  seeds: readonly string[],
  run: RunCommand = machine,
  inUse?: Underlay,
) {
  const env = {
    WEFT_NODE_NAME: 'n1',
    WEFT_CLUSTER_PREFIXES: '10.244.0.0/16',
    WEFT_NODE_PREFIXES: '10.244.1.0/24',
    WEFT_GOSSIP_AUTHENTICATION: 'off',
  };
  const config = loadConfig({ flags, env });
  const chosen = await chooseUnderlay(
    config,
    seeds.map((seed) => parseEndpoint(seed, 7948)!),
    run,
    inUse,
  );
  return `${formatIpAddress(chosen.address)} on ${chosen.interface}, MTU ${chosen.mtuBytes}: ${chosen.reason}`;
}

const picks = test.macro({
  exec: async (t, flags: Record<string, string>, seeds: readonly string[], expected: string) => {
    t.is(await choose(flags, seeds), expected);
  },
  title: (name) => `picks ${name}`,
});

test(
  'the route to the first seed',
  picks,
  {},
  ['198.18.0.2'],
  '198.18.0.1 on eth1, MTU 9000: its route leads to seed 198.18.0.2',
);
test(
  'the family of the seed',
  picks,
  {},
  ['2001:db8::7'],
  '2001:db8::2 on eth0, MTU 1500: its route leads to seed 2001:db8::7',
);
test(
  'the second seed if the first has no route',
  picks,
  {},
  ['203.0.113.1', '198.18.0.2'],
  '198.18.0.1 on eth1, MTU 9000: its route leads to seed 198.18.0.2',
);
test(
  'its own address if it is the seed',
  picks,
  {},
  ['198.18.0.1'],
  '198.18.0.1 on eth1, MTU 9000: seed 198.18.0.1 is its own address',
);
test(
  'no route through its own tunnel',
  picks,
  {},
  ['10.245.0.1'],
  '192.0.2.2 on eth0, MTU 1500: the IPv4 default route leads through it',
);
test(
  'no loopback address',
  picks,
  {},
  ['127.0.0.1'],
  '192.0.2.2 on eth0, MTU 1500: the IPv4 default route leads through it',
);
test(
  'the best default route without seeds',
  picks,
  {},
  [],
  '192.0.2.2 on eth0, MTU 1500: the IPv4 default route leads through it',
);
test(
  'the interface that the configuration names',
  picks,
  { 'underlay.interface': 'eth1' },
  [],
  '198.18.0.1 on eth1, MTU 9000: underlay.interface names it',
);
test(
  'an address of the family of the seeds on that interface, and not a tentative one',
  picks,
  { 'underlay.interface': 'eth0' },
  ['2001:db8::7'],
  '2001:db8::2 on eth0, MTU 1500: underlay.interface names it',
);
test(
  'the address that the configuration names',
  picks,
  { 'underlay.address': '2001:db8::2' },
  ['198.18.0.2'],
  '2001:db8::2 on eth0, MTU 1500: underlay.address names it',
);
test(
  'the MTU that the configuration names',
  picks,
  { 'underlay.mtu': '1400' },
  [],
  '192.0.2.2 on eth0, MTU 1400: the IPv4 default route leads through it',
);

const refuses = test.macro({
  exec: async (t, flags: Record<string, string>, message: string) => {
    await t.throwsAsync(choose(flags, []), { code: 'config-invalid', message });
  },
  title: (name) => `refuses ${name}`,
});

test(
  'an address that the machine does not have',
  refuses,
  { 'underlay.address': '192.0.2.77' },
  'underlay.address: 192.0.2.77 is not an address of this machine',
);
test(
  'an interface that is not there',
  refuses,
  { 'underlay.interface': 'eth9' },
  'underlay.interface: there is no device eth9: lo, eth0, eth1, weft0, eth2',
);
test(
  'an interface with a link-local address only',
  refuses,
  { 'underlay.interface': 'eth2' },
  'underlay.interface: eth2 has no address that other nodes could reach',
);
test(
  'an address of another interface than the one named',
  refuses,
  { 'underlay.interface': 'eth0', 'underlay.address': '198.18.0.1' },
  'underlay.address: 198.18.0.1 is an address of eth1, not of eth0',
);
test(
  'cluster prefixes that contain the underlay',
  refuses,
  { clusterPrefixes: '10.244.0.0/16,192.0.0.0/16' },
  'clusterPrefixes: 192.0.0.0/16 contains the underlay address 192.0.2.2: tunnels would lead into themselves',
);

const goesOn = test.macro({
  exec: async (t, flags: Record<string, string>, inUse: Underlay, expected: string) => {
    t.is(await choose(flags, ['198.18.0.2'], machine, inUse), expected);
  },
  title: (name) => `goes on with ${name}`,
});

test(
  'the device in use under its new name, though underlay.interface has the old one',
  goesOn,
  { 'underlay.interface': 'uplink0' },
  used('192.0.2.2', 2, 'uplink0'),
  '192.0.2.2 on eth0, MTU 1500: underlay.interface names it uplink0, as it was called',
);
test(
  'the device in use under its old name again',
  goesOn,
  { 'underlay.interface': 'eth0' },
  used('192.0.2.2', 2, 'uplink0'),
  '192.0.2.2 on eth0, MTU 1500: underlay.interface names it',
);
test(
  'the device in use under its new name, though another one has the old name',
  goesOn,
  { 'underlay.interface': 'eth1' },
  used('192.0.2.2', 2, 'eth1'),
  '192.0.2.2 on eth0, MTU 1500: underlay.interface names it eth1, as it was called',
);
test(
  'another address of the device in use under its new name',
  goesOn,
  { 'underlay.interface': 'uplink0' },
  used('192.0.2.77', 2, 'uplink0'),
  '192.0.2.2 on eth0, MTU 1500: underlay.interface names it uplink0, as it was called',
);
test(
  'the device in use under its new name, with the address that is configured',
  goesOn,
  { 'underlay.address': '192.0.2.2', 'underlay.interface': 'uplink0' },
  used('192.0.2.2', 2, 'uplink0'),
  '192.0.2.2 on eth0, MTU 1500: it was chosen',
);
test(
  'a device that nobody configured, under its new name',
  goesOn,
  {},
  used('192.0.2.2', 2, 'uplink0'),
  '192.0.2.2 on eth0, MTU 1500: it was chosen',
);
test(
  'another choice where the device in use has lost its address, and was chosen by nobody',
  goesOn,
  {},
  used('192.0.2.77', 2, 'uplink0'),
  '198.18.0.1 on eth1, MTU 9000: its route leads to seed 198.18.0.2',
);

test(
  'a device whose new name is known, when its configured address is back',
  goesOn,
  { 'underlay.address': '192.0.2.2', 'underlay.interface': 'uplink0' },
  used('192.0.2.2', 2, 'eth0'),
  '192.0.2.2 on eth0, MTU 1500: underlay.address names it',
);

test('a configured address that another device has is not that of the device in use', async (t) => {
  const settings = { 'underlay.address': '198.18.0.1', 'underlay.interface': 'uplink0' };
  await t.throwsAsync(choose(settings, [], machine, used('198.18.0.1', 2, 'eth0')), {
    message: 'underlay.address: 198.18.0.1 is an address of eth1, not of uplink0',
  });
});

test('a device in use that is down under its new name is not stuck to', async (t) => {
  const down = devices.map((device) => (device.ifindex === 2 ? { ...device, ifname: 'old0', flags: [] } : device));
  const run: RunCommand = async (argv, options) =>
    argv.includes('addr') ? Promise.resolve(JSON.stringify(down)) : machine(argv, options);
  const chosen = await choose({ 'underlay.interface': 'eth1' }, [], run, used('192.0.2.2', 2, 'eth1'));
  t.is(chosen, '198.18.0.1 on eth1, MTU 9000: underlay.interface names it');
});

test('a renamed device without an address is said to be one', async (t) => {
  const bare = used('192.0.2.77', 5, 'uplink0');
  await t.throwsAsync(choose({ 'underlay.interface': 'uplink0' }, [], machine, bare), {
    message: 'underlay.interface: eth2, once uplink0, has no address that other nodes could reach',
  });
});

const directory = mkdtempSync(join(tmpdir(), 'weft-underlay-'));
test.after.always(() => rmSync(directory, { recursive: true }));

const refusesPeer = test.macro({
  exec: async (t, address: string, message: string) => {
    const file = join(directory, `${message.length}.yaml`);
    const peer = `{name: vtep, endpoint: '${address}', mac: '02:00:00:00:00:09', prefixes: [10.244.9.0/24]}`;
    writeFileSync(
      file,
      `{nodeName: n1, clusterPrefixes: [10.244.0.0/16], nodePrefixes: [10.244.1.0/24], staticPeers: [${peer}]}`,
    );
    const config = loadConfig({ file, flags: { 'gossip.authentication': 'off' }, env: {} });
    await t.throwsAsync(chooseUnderlay(config, [], machine), { code: 'config-invalid', message });
  },
  title: (name) => `refuses ${name}`,
});

test(
  'a static peer of the other family than the underlay',
  refusesPeer,
  '2001:db8::9',
  'staticPeers[0].endpoint: 2001:db8::9 cannot be reached from the underlay address 192.0.2.2',
);
test(
  'a static peer at the address that was picked',
  refusesPeer,
  '192.0.2.2',
  "staticPeers[0].endpoint: 192.0.2.2 is this node's own address",
);

test('only an address of the family that is asked for is chosen', async (t) => {
  const eth0 = { 'underlay.interface': 'eth0' };
  t.regex(await choose(eth0, ['198.18.0.2'], machine, lost6), /^2001:db8::2 on eth0/);
  t.regex(await choose(eth0, ['2001:db8::7'], machine, lost4), /^192\.0\.2\.2 on eth0/);
  t.regex(await choose({}, ['2001:db8::7', '198.18.0.2'], machine, lost4), /^198\.18\.0\.1 on eth1/);
  await t.throwsAsync(choose({ 'underlay.interface': 'eth1' }, [], machine, lost6), { code: 'config-invalid' });
  await t.throwsAsync(choose({}, ['198.18.0.2'], machine, lost6), { code: 'underlay-not-found' });
});

test('a machine that leads nowhere is told what to set', async (t) => {
  await t.throwsAsync(choose({}, [], isolated), { code: 'underlay-not-found' });
});
