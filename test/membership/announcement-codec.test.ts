import test from 'ava';
import type { Announcement } from '../../src/membership/announcement.ts';
import {
  canBeAnnounced,
  checkRoomForKeys,
  parseAnnouncement,
  sealAnnouncement,
} from '../../src/membership/announcement-codec.ts';
import { weft } from '../../src/membership/generated/weft.js';
import { announcementOf, endpoint, identityOf, prefix } from '../support/announcements.ts';
import { parseIpAddress, parseMacAddress } from '../../src/wire/address.ts';
import type { Prefix } from '../../src/wire/prefix.ts';

const whole = announcementOf(2);

test('an announcement comes back as it was', (t) => {
  const sealed = sealAnnouncement(whole);
  t.deepEqual(parseAnnouncement(identityOf(2), sealed.bytes), sealed);
});

test('an announcement over IPv6 comes back as it was', (t) => {
  const sealed = sealAnnouncement({
    ...whole,
    gossipEndpoint: endpoint('[fd00::5]:7948'),
    dataEndpoints: [{ gear: 'userspace', endpoint: endpoint('[fd00::5]:4789') }],
    prefixes: [],
    nodeAddresses: [],
    capabilities: [],
  });
  t.deepEqual(parseAnnouncement(identityOf(2), sealed.bytes), sealed);
});

test('an announcement that tells of pods comes back as it was', (t) => {
  for (const version of [1, 2 ** 32, 1_700_000_000_123, 2 ** 48 - 1]) {
    const podSummary = { version, digest: '0123456789abcdef', pods: 4_096 };
    const sealed = sealAnnouncement({ ...whole, podSummary });
    t.deepEqual(parseAnnouncement(identityOf(2), sealed.bytes), sealed);
  }
});

test('a field of a later version is passed on as it came', (t) => {
  const later = Uint8Array.from([...sealAnnouncement(whole).bytes, 0xa2, 0x06, 0x01, 0x61]);
  const parsed = parseAnnouncement(identityOf(2), later);
  t.like(parsed, { announcement: whole, bytes: later });
});

const invalid = test.macro({
  exec: (t, field: keyof Announcement, change: Partial<Announcement>) => {
    const error = t.throws(() => sealAnnouncement({ ...whole, ...change }));
    t.like(error, { code: 'announcement-invalid', details: { field } });
  },
  title: (name, field: string) => `${name} makes ${field} invalid`,
});

test('an identity in capitals', invalid, 'identity', { identity: 'A'.repeat(32) });
test('an empty name', invalid, 'name', { name: '' });
test('a name with a space', invalid, 'name', { name: 'n 2' });
test('a name with an escape', invalid, 'name', { name: 'n\u001b[2J' });
test('a name with a look-alike', invalid, 'name', { name: 'nо2' });
test('a name of 254 bytes', invalid, 'name', { name: 'n'.repeat(254) });
test('an empty network', invalid, 'network', { network: '' });
test('gossip port 0', invalid, 'gossipEndpoint', { gossipEndpoint: endpointOf('198.18.0.2', 0) });
test('an unspecified gossip address', invalid, 'gossipEndpoint', { gossipEndpoint: endpointOf('0.0.0.0', 7948) });
test('a multicast gossip address', invalid, 'gossipEndpoint', { gossipEndpoint: endpointOf('239.1.1.1', 7948) });
test('an IPv6 multicast address', invalid, 'gossipEndpoint', { gossipEndpoint: endpointOf('ff02::1', 7948) });
test('an unspecified IPv6 address', invalid, 'dataEndpoints', {
  dataEndpoints: [{ gear: 'userspace', endpoint: endpointOf('::', 4789) }],
});
test('a gear without name', invalid, 'dataEndpoints', {
  dataEndpoints: [{ gear: '', endpoint: endpointOf('198.18.0.2', 4789) }],
});
test('nine data endpoints', invalid, 'dataEndpoints', {
  dataEndpoints: Array.from({ length: 9 }, () => whole.dataEndpoints[0]!),
});
test('a group MAC', invalid, 'mac', { mac: parseMacAddress('03:00:00:00:00:01')! });
test('a MAC of zeros', invalid, 'mac', { mac: new Uint8Array(6) });
test('a MAC of five bytes', invalid, 'mac', { mac: new Uint8Array([2, 0, 0, 0, 1]) });
test('a node address outside its prefixes', invalid, 'nodeAddresses', { nodeAddresses: [parseIpAddress('10.9.9.9')!] });
test('a prefix with host bits', invalid, 'prefixes', {
  prefixes: [{ address: parseIpAddress('10.244.2.1')!, lengthBits: 24 }],
  nodeAddresses: [],
});
test('a prefix that is too long', invalid, 'prefixes', {
  prefixes: [{ address: parseIpAddress('10.244.2.0')!, lengthBits: 33 }],
  nodeAddresses: [],
});
test('an MTU of 575', invalid, 'mtuBytes', { mtuBytes: 575 });
test('an MTU of 65536', invalid, 'mtuBytes', { mtuBytes: 65_536 });
test('an empty version', invalid, 'version', { version: '' });
const podSummary = { version: 1, digest: '0123456789abcdef', pods: 0 };
test('version 0 of its pods', invalid, 'podSummary', { podSummary: { ...podSummary, version: 0 } });
test('a version of its pods above the limit', invalid, 'podSummary', {
  podSummary: { ...podSummary, version: 2 ** 48 },
});
test('a digest of 7 bytes', invalid, 'podSummary', { podSummary: { ...podSummary, digest: '01234567890123' } });
test('more pods than there may be', invalid, 'podSummary', { podSummary: { ...podSummary, pods: 4_097 } });
test('an empty capability', invalid, 'capabilities', { capabilities: [''] });

function endpointOf(address: string, port: number): Announcement['gossipEndpoint'] {
  return { address: parseIpAddress(address)!, port };
}

test('an announcement that does not fit a datagram is refused with what to do', (t) => {
  const prefixes = Array.from({ length: 100 }, (_, index) => prefix(`fd00:${index}::/64`));
  const error = t.throws(() => sealAnnouncement({ ...whole, prefixes, nodeAddresses: [] }), {
    code: 'announcement-invalid',
  });
  t.regex(error.message, /announce fewer prefixes/);
});

function somePrefixes(count: number): Prefix[] {
  return Array.from({ length: count }, (_, index) => prefix(`10.${index}.0.0/16`));
}

function someKeyIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => index.toString(16).padStart(16, '0'));
}

function fits(announcement: Announcement): boolean {
  try {
    return sealAnnouncement(announcement).bytes.length > 0;
  } catch {
    return false;
  }
}

test('a node that uses keys needs room for as many as there may be, whatever it reports; without keys it does not', (t) => {
  const bare = { ...whole, nodeAddresses: [], pathReports: [] };
  let count = 0;
  while (fits({ ...bare, prefixes: somePrefixes(count + 1), keyIds: someKeyIds(8) })) count++;
  const announced = { ...whole, nodeAddresses: [], prefixes: somePrefixes(count), keyIds: someKeyIds(1) };
  t.notThrows(() => checkRoomForKeys(announced));
  const large = { ...bare, prefixes: somePrefixes(count + 1), keyIds: someKeyIds(1) };
  t.true(fits(large));
  const error = t.throws(() => checkRoomForKeys(large), { code: 'announcement-invalid' });
  t.regex(error.message, /with the 8 keys .* more than 1000: announce fewer prefixes \(nodePrefixes\)/);
  t.notThrows(() => checkRoomForKeys({ ...large, keyIds: [] }));
});

test('whether prefixes can be announced does not depend on path reports, and leaves room for keys', (t) => {
  const bare = { ...whole, nodeAddresses: [], pathReports: [] };
  let count = 0;
  while (fits({ ...bare, prefixes: somePrefixes(count + 1), keyIds: someKeyIds(8) })) count++;
  const announced = { ...whole, nodeAddresses: [], keyIds: someKeyIds(1) };
  t.true(canBeAnnounced({ ...announced, prefixes: somePrefixes(count) }));
  t.false(canBeAnnounced({ ...announced, prefixes: somePrefixes(count + 1) }));
  t.true(canBeAnnounced({ ...announced, prefixes: somePrefixes(count + 1), keyIds: [] }));
});

test('bytes that name a bad MTU are refused', (t) => {
  const raw = weft.v1.Announcement.decode(sealAnnouncement(whole).bytes);
  raw.mtuBytes = 1;
  t.is(parseAnnouncement(identityOf(2), weft.v1.Announcement.encode(raw).finish()), 'announcement-invalid');
});

test('an address of five bytes is refused', (t) => {
  const raw = weft.v1.Announcement.decode(sealAnnouncement(whole).bytes);
  raw.nodeAddresses = [new Uint8Array(5)];
  t.is(parseAnnouncement(identityOf(2), weft.v1.Announcement.encode(raw).finish()), 'announcement-invalid');
});
