import test from 'ava';
import { ConflictError, ExhaustedError, WeftError } from '../../src/errors.ts';
import { Journal } from '../../src/ipam/journal.ts';
import type { LeaseKey } from '../../src/ipam/lease.ts';
import { LeaseStore } from '../../src/ipam/lease-store.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { SimulatedDisk } from '../support/simulated-disk.ts';

const NAME = 'pods.journal';
const web = { network: 'default', pod: 'web' };
const db = { network: 'default', pod: 'db' };

class Node {
  disk = new SimulatedDisk(new SeededRandom(1));
  bootId = 'today';
  nowMs = 500_000;
  prefixes = ['10.0.0.0/29'];
  /** How each save went. */
  readonly saves: string[] = [];

  open(): LeaseStore<string> {
    return new LeaseStore({
      journal: new Journal(this.disk, NAME),
      prefixes: this.prefixes.map((text) => parsePrefix(text)!),
      clock: { bootId: this.bootId, sinceBootMs: () => this.nowMs },
      parseKnown: (value) => (typeof value === 'string' ? value : undefined),
      onSaved: (failure) => this.saves.push(failure?.message ?? 'stored'),
    });
  }
}

function enter(store: LeaseStore<string>, pod: string, known = ''): string {
  return store.enter({ network: 'default', pod }, known, undefined).addresses.map(formatIpAddress).join();
}

function knownIn(store: LeaseStore<string>): string[] {
  return store.all().map(({ known }) => known);
}

test('leases, and what is known, outlast a restart', (t) => {
  const node = new Node();
  const store = node.open();
  t.is(enter(store, 'web', 'new'), '10.0.0.2');
  store.settle(web, 'there');
  t.is(enter(store, 'db'), '10.0.0.3');
  store.forget(db);
  const again = node.open();
  t.deepEqual(again.all(), [
    { lease: { ...web, addresses: [parseIpAddress('10.0.0.2')!] }, known: 'there', bootId: 'today' },
  ]);
  t.is(enter(again, 'next'), '10.0.0.4');
});

test('an interface of a container has a lease of its own', (t) => {
  const node = new Node();
  const store = node.open();
  const key = { network: 'default', containerId: 'c0ffee', interface: 'eth0' };
  const keys: readonly LeaseKey[] = [
    key,
    { ...key, interface: 'eth1' },
    { ...key, network: 'other' },
    { network: 'default', pod: 'c0ffee' },
  ];
  const addresses = keys.map((one) => formatIpAddress(store.enter(one, '', undefined).addresses[0]!));
  t.is(new Set(addresses).size, 4);
  t.is(formatIpAddress(node.open().get(key)!.lease.addresses[0]!), addresses[0]!);
  store.forget(key);
  t.is(node.open().get(key), undefined);
  t.is(node.open().all().length, 3);
});

test('an address that was freed is given to nobody for a minute, also over a restart', (t) => {
  const node = new Node();
  node.prefixes = ['10.0.0.0/30'];
  const store = node.open();
  enter(store, 'web');
  store.forget(web);
  node.nowMs += 20_000;
  const error = t.throws(() => enter(node.open(), 'db'), { instanceOf: ExhaustedError });
  t.is(
    error.message,
    'no address is left in 10.0.0.0/30: 0 are leased, and 1 were freed within the last minute; the next can be given out in 40 s',
  );
  t.like(node.open().usage()[0], { used: 0, free: 0, cooling: 1 });
  node.nowMs += 39_999;
  t.throws(() => enter(node.open(), 'db'), { instanceOf: ExhaustedError });
  node.nowMs += 1;
  t.is(enter(node.open(), 'db'), '10.0.0.2');
});

test('a pod that comes back has the address that it had, also after a restart and in a journal that was written anew', (t) => {
  const node = new Node();
  const store = node.open();
  enter(store, 'web');
  t.is(enter(store, 'db'), '10.0.0.3');
  store.forget(web);
  store.forget(db);
  t.is(enter(node.open(), 'db'), '10.0.0.3');
  const again = node.open();
  again.save();
  t.is(enter(node.open(), 'web'), '10.0.0.2');
});

for (const wayOfStoring of ['as a change', 'in a journal that was written anew'])
  test(`after a restart, an address that cools is refused to who asks for it by name, stored ${wayOfStoring}`, (t) => {
    const node = new Node();
    const wanted = [parseIpAddress('10.0.0.2')!];
    const key = { network: 'default', containerId: 'first', interface: 'eth0', title: 'shop/web' };
    const store = node.open();
    store.enter(key, '', undefined);
    store.forget(key);
    if (wayOfStoring !== 'as a change') store.save();
    node.nowMs += 20_000;
    const error = t.throws(() => node.open().enter(db, '', wanted), { instanceOf: ConflictError });
    t.is(error.code, 'address-cooling');
    t.deepEqual(error.details, { address: '10.0.0.2', pod: 'shop/web', waitSeconds: 40 });
    const { addresses } = node.open().enter({ ...key, containerId: 'second' }, '', wanted);
    t.deepEqual(addresses.map(formatIpAddress), ['10.0.0.2']);
  });

test('a reboot took away whatever was there before it: its addresses were freed then', (t) => {
  const node = new Node();
  node.prefixes = ['10.0.0.0/30'];
  enter(node.open(), 'web');
  node.bootId = 'tomorrow';
  node.nowMs = 30_000;
  const store = node.open();
  t.is(store.get(web)?.bootId, 'today');
  store.forget(web);
  t.throws(() => enter(store, 'db'), { instanceOf: ExhaustedError });
  node.nowMs = 60_000;
  t.is(enter(node.open(), 'db'), '10.0.0.2');
});

test('what was freed before a reboot cools until a minute after it', (t) => {
  const node = new Node();
  const store = node.open();
  enter(store, 'web');
  store.forget(web);
  node.bootId = 'tomorrow';
  node.nowMs = 59_000;
  t.is(node.open().usage()[0]!.cooling, 1);
  node.nowMs = 60_000;
  t.is(node.open().usage()[0]!.cooling, 0);
});

test('a clock that is behind the time at which something was freed makes nobody wait longer than a minute', (t) => {
  const node = new Node();
  node.prefixes = ['10.0.0.0/30'];
  const store = node.open();
  enter(store, 'web');
  store.forget(web);
  node.nowMs = 1_000;
  const again = node.open();
  again.save();
  node.nowMs = 61_000;
  t.is(enter(again, 'db'), '10.0.0.2');
});

test('a pod that was seen to be there in this boot is of this boot', (t) => {
  const node = new Node();
  enter(node.open(), 'web', 'known');
  node.bootId = 'tomorrow';
  node.open().keep(web, 'known');
  t.is(node.open().get(web)?.bootId, 'tomorrow');
});

test('what is known already is not stored again', (t) => {
  const node = new Node();
  const store = node.open();
  enter(store, 'web', 'known');
  const saves = node.saves.length;
  store.keep(web, 'known');
  t.is(node.saves.length, saves);
  store.keep(web, 'changed');
  t.is(node.saves.length, saves + 1);
});

test('on a full disk, what is to count is refused; what is true counts, and is stored when there is room', (t) => {
  const node = new Node();
  const store = node.open();
  enter(store, 'web', 'before');
  enter(store, 'db', 'before');
  node.disk.failing = (kind) => (kind === 'append' || kind === 'create' ? 'ENOSPC' : undefined);
  const error = t.throws(() => store.settle(web, 'after'), { instanceOf: WeftError });
  t.is(error.code, 'store-failed');
  t.is(error.message, '/state/pods.journal cannot be saved: ENOSPC: append');
  t.throws(() => enter(store, 'more'), { instanceOf: WeftError });
  t.deepEqual(knownIn(store), ['before', 'before']);
  t.is(store.behind, undefined);
  store.forget(db);
  t.deepEqual(knownIn(store), ['before']);
  t.is(store.behind, error.message);
  t.deepEqual(knownIn(node.open()), ['before', 'before'], 'it could not be stored');
  node.disk.failing = () => undefined;
  store.save();
  t.is(store.behind, undefined);
  t.deepEqual(knownIn(node.open()), ['before']);
  t.is(node.saves.at(-1), 'stored');
});

test('what was refused is not on the disk, although it could not be kept from getting there at first', (t) => {
  const node = new Node();
  const store = node.open();
  enter(store, 'web', 'before');
  let syncs = 0;
  // The line is written, and the disk does not say that it has it. The new file is fine.
  node.disk.failing = (kind) => (kind === 'sync' && syncs++ === 0 ? 'EIO' : undefined);
  const error = t.throws(() => store.settle(web, 'removing'), { instanceOf: WeftError });
  t.is(error.details['inDoubt'], undefined);
  t.deepEqual(knownIn(node.open()), ['before']);
  node.disk = node.disk.afterPowerCut();
  t.deepEqual(knownIn(node.open()), ['before']);
});

test('where it cannot be known what is on the disk, the error says so, and the next that can be stored is all that counts', (t) => {
  const node = new Node();
  const store = node.open();
  enter(store, 'web', 'before');
  node.disk.failing = (kind) => (kind === 'sync' ? 'EIO' : undefined);
  const error = t.throws(() => store.settle(web, 'removing'), { instanceOf: WeftError });
  t.true(error.details['inDoubt']);
  t.regex(
    error.message,
    /EIO: fdatasync; whether it is on the disk all the same is not known until that can be written$/,
  );
  t.deepEqual(knownIn(store), ['before']);
  t.is(store.behind, '/state/pods.journal cannot be saved: EIO: fdatasync');
  node.disk.failing = () => undefined;
  store.keep(web, 'later');
  t.is(store.behind, undefined);
  t.deepEqual(knownIn(node.open()), ['later']);
});

test('a journal does not grow without end, and nothing is lost when it is written anew', (t) => {
  const node = new Node();
  const store = node.open();
  enter(store, 'web');
  let longest = 0;
  for (let round = 0; round < 2_000; round++) {
    store.settle(web, `round ${round}`);
    longest = Math.max(longest, store.lengthBytes);
  }
  t.true(longest < 20_000, `${longest} bytes`);
  t.deepEqual(knownIn(node.open()), ['round 1999']);
});

test('where there is no room for a new journal, the old one goes on', (t) => {
  const node = new Node();
  const store = node.open();
  enter(store, 'web');
  node.disk.failing = (kind) => (kind === 'create' ? 'ENOSPC' : undefined);
  for (let round = 0; round < 500; round++) store.settle(web, `round ${round}`);
  t.true(store.lengthBytes > 40_000);
  t.deepEqual(
    node.saves.filter((save) => save !== 'stored'),
    [],
  );
  t.deepEqual(knownIn(node.open()), ['round 499']);
});

const lease = { network: 'default', pod: 'a', addresses: ['10.0.0.2'], bootId: 'today', known: '' };
const all = { format: 1, bootId: 'today', leases: [lease], freed: [] };
const damaged: [string, unknown[]][] = [
  ['no object', [null]],
  ['no leases', [{ ...all, leases: undefined }]],
  ['a later format', [{ ...all, format: 2 }]],
  ['a lease that is none', [{ ...all, leases: [null] }]],
  ['a lease without an address', [{ ...all, leases: [{ ...lease, addresses: [] }] }]],
  ['an address that is none', [{ ...all, leases: [{ ...lease, addresses: ['10.0.0.256'] }] }]],
  ['a lease without a holder', [{ ...all, leases: [{ ...lease, pod: undefined }] }]],
  ['an address of two pods', [{ ...all, leases: [lease, { ...lease, pod: 'b' }] }]],
  ['an address that one pod has twice', [{ ...all, leases: [{ ...lease, addresses: ['10.0.0.2', '10.0.0.2'] }] }]],
  ['two leases of a pod', [{ ...all, leases: [lease, { ...lease, addresses: ['10.0.0.3'] }] }]],
  ['a freed address that is none', [{ ...all, freed: [['10.0.0', 1]] }]],
  ['a change that gives an address to a second pod', [all, [{ put: { ...lease, pod: 'b' } }]]],
  ['a change of the addresses of a pod', [all, [{ put: { ...lease, addresses: ['10.0.0.3'] } }]]],
  [
    'a change that takes away what is not there',
    [all, [{ drop: { network: 'default', pod: 'b' }, bootId: '', freedAtMs: 0 }]],
  ],
  ['a change that is none', [all, [{}]]],
  ['a line that is none', [all, 'changes']],
];
for (const [what, lines] of damaged) {
  test(`a journal with ${what} is refused`, (t) => {
    const node = new Node();
    new Journal(node.disk, NAME).rewrite(lines);
    const error = t.throws(() => node.open(), { instanceOf: WeftError });
    t.is(error.code, 'store-corrupt');
    t.regex(error.message, /^the leases in the state directory /);
  });
}

test('what an earlier version stored is taken over, with the order in which addresses were freed', (t) => {
  const node = new Node();
  const store = node.open();
  const earlier = {
    lease: { ...web, addresses: [parseIpAddress('10.0.0.3')!] },
    known: 'earlier',
    bootId: 'yesterday',
  };
  store.adopt(
    [earlier],
    ['10.0.0.2', '10.0.0.4'].map((text) => parseIpAddress(text)!),
    'abc',
  );
  const again = node.open();
  t.deepEqual(again.all(), [earlier]);
  t.is(again.imported, 'abc');
  t.is(enter(again, 'first'), '10.0.0.5');
  t.is(enter(again, 'second'), '10.0.0.6');
  node.nowMs += 60_000;
  t.is(enter(again, 'third'), '10.0.0.2');
});
