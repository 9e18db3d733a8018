import test from 'ava';
import { concernsUs, subjectOf, type OwnThings } from '../../../src/daemon/host/own-changes.ts';
import type { ChangedThing } from '../../../src/linux/kernel-change.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { prefix } from '../../support/announcements.ts';

const own: OwnThings = {
  tunDevice: 'weft0',
  mtuBytes: 1450,
  nodeAddresses: [parseIpAddress('10.244.1.1')!, parseIpAddress('fd00:10:244:1::1')!],
  clusterPrefixes: [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')],
};

const tun: ChangedThing = {
  kind: 'link',
  isGone: false,
  index: 3,
  name: 'weft0',
  alias: 'weft',
  mtuBytes: 1450,
  isUp: true,
};
const pod: ChangedThing = { ...tun, index: 7, name: 'wf0123abcd', alias: 'weft:default:web' };
const route = {
  kind: 'route',
  isGone: false,
  isReplacement: false,
  protocol: 87,
  table: 254,
  destination: prefix('10.244.1.2/32'),
} as const;
const addressGone = (text: string, isGone = true): ChangedThing => ({
  kind: 'address',
  isGone,
  index: 3,
  address: parseIpAddress(text)!,
});

for (const [name, change] of Object.entries<ChangedThing>({
  'the TUN device is deleted': { ...tun, isGone: true },
  'the TUN device is set down': { ...tun, isUp: false },
  'the TUN device gets another MTU': { ...tun, mtuBytes: 1500 },
  'the TUN device is renamed': { ...tun, name: 'tun7' },
  'the TUN device loses its alias': { ...tun, alias: '' },
  "a pod's device is deleted": { ...pod, isGone: true },
  "a pod's device is renamed": { ...pod, name: 'veth7' },
  "a pod's device is set down": { ...pod, isUp: false },
  'an address of the node is deleted': addressGone('10.244.1.1'),
  'the gateway of a pod is deleted': addressGone('fe80::1'),
  'a route of ours is deleted': { ...route, isGone: true },
  'a route of ours is replaced': { ...route, isReplacement: true },
  'somebody else routes a part of the cluster': { ...route, protocol: 3 },
  'a rule of ours is deleted': { kind: 'table', table: 'inet weft', isElementAdded: false },
  'the rules of pods are flushed': { kind: 'table', table: 'inet weft-pods', isElementAdded: false },
  'the ARP rules of pods are flushed': { kind: 'table', table: 'arp weft-pods', isElementAdded: false },
})) {
  test(`it is worth a look when ${name}`, (t) => t.true(concernsUs(change, own)));
}

for (const [name, change] of Object.entries<ChangedThing>({
  'the TUN device is as it should be': tun,
  "a pod's device is as it should be": pod,
  'a device of somebody else is deleted': { ...tun, name: 'eth0', alias: '', isGone: true },
  'an address of somebody else is deleted': addressGone('198.18.0.1'),
  'an address of the node comes': addressGone('10.244.1.1', false),
  'a route to a new pod comes': route,
  'a route of somebody else is deleted': {
    ...route,
    protocol: 186,
    isGone: true,
    destination: prefix('192.0.2.0/24'),
  },
  'the default route changes': { ...route, protocol: 16, destination: prefix('0.0.0.0/0') },
  "the kernel's own route to the node's address comes": { ...route, protocol: 2, table: 255 },
  'an element comes into a set of ours': { kind: 'table', table: 'inet weft', isElementAdded: true },
  'rules of somebody else change': { kind: 'table', table: 'inet firewalld', isElementAdded: false },
})) {
  test(`it is worth no look when ${name}`, (t) => t.false(concernsUs(change, own)));
}

for (const [subject, change] of Object.entries<ChangedThing>({
  weft0: { ...tun, name: 'tun7' },
  wf0123abcd: { ...pod, isGone: true },
  'inet weft': { kind: 'table', table: 'inet weft', isElementAdded: false },
  'inet weft-pods': { kind: 'table', table: 'arp weft-pods', isElementAdded: false },
  '10.244.1.1': addressGone('10.244.1.1'),
  '10.244.1.2/32': { ...route, isGone: true },
})) {
  test(`the audit calls ${subject} what such a change is about`, (t) => t.is(subjectOf(change, own), subject));
}

test('a route of somebody else, and what is as it should be, is no subject of ours', (t) => {
  t.is(subjectOf({ ...route, protocol: 186, isGone: true }, own), undefined);
  t.is(subjectOf(tun, own), undefined);
  t.is(subjectOf({ kind: 'transaction', generation: 1, pid: 7, name: 'nft' }, own), undefined);
});
