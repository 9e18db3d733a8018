import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { encodeKeyOrder, type CarriedOrder, type KeyOrder } from '../../../src/authentication/key-order.ts';
import type { ClusterKey } from '../../../src/authentication/cluster-key.ts';
import { GossipKeys, type OrderCarrier } from '../../../src/daemon/gossip/gossip-keys.ts';
import { StateFile } from '../../../src/daemon/state/state-file.ts';
import { WeftError } from '../../../src/errors.ts';
import { FileStore } from '../../../src/linux/file-store.ts';
import { nodeCipher } from '../../../src/linux/node-cipher.ts';
import type { Announcement, MemberState } from '../../../src/membership/announcement.ts';
import { memberOf } from '../../support/announcements.ts';
import { keyOf } from '../../support/cluster-keys.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-gossip-keys-'));
test.after.always(() => rmSync(directory, { recursive: true }));

/** A membership of this node, n1, and others that say they hold some keys. */
class Carrier implements OrderCarrier {
  orders: CarriedOrder[] = [];
  announced: readonly string[] = [];
  /** Whether path reports have taken all the room in the announcement. */
  isFull = false;
  others: { number: number; keyIds: readonly string[]; state: MemberState }[] = [];

  directives(): readonly CarriedOrder[] {
    return this.orders;
  }

  issue(subject: string, content: Uint8Array): void {
    const version = Math.max(0, ...this.orders.map((order) => order.version)) + 1;
    this.orders = [...this.orders.filter((order) => order.subject !== subject), { subject, version, content }];
  }

  retainDirectives(isKept: (order: CarriedOrder) => boolean): void {
    this.orders = this.orders.filter(isKept);
  }

  announce({ keyIds, pathReports }: Pick<Announcement, 'keyIds'> & { pathReports?: readonly never[] }): void {
    if (this.isFull && pathReports === undefined) throw new WeftError('announcement-invalid', 'too long');
    this.isFull = false;
    this.announced = keyIds;
  }

  members() {
    const others = this.others.map(({ number, keyIds, state }) => memberOf(number, { keyIds }, state));
    return [memberOf(1, { keyIds: this.announced }), ...others];
  }
}

let nodes = 0;

class Node {
  readonly carrier = new Carrier();
  readonly events: string[] = [];
  unheard: readonly string[] = [];
  readonly file: string;
  readonly store: FileStore;
  keys: GossipKeys;

  constructor(...keys: readonly ClusterKey[]) {
    const name = `n${nodes++}`;
    this.file = join(directory, `${name}.key`);
    this.store = new FileStore(join(directory, name, 'keys.json'));
    this.write(...keys);
    this.keys = this.start();
  }

  /** As a new process would. */
  start(): GossipKeys {
    const events = { add: (_kind: string, { message }: { message: string }) => void this.events.push(message) };
    this.keys = new GossipKeys({
      file: this.file,
      store: new StateFile('keys.json', this.store),
      events,
      logger: silentLogger,
    });
    this.carrier.orders = [...this.keys.orders];
    this.carrier.announced = this.keys.ring.ids;
    this.keys.attach(this.carrier, () => this.unheard);
    return this.keys;
  }

  write(...keys: readonly ClusterKey[]): void {
    writeFileSync(this.file, keys.map(({ bytes }) => Buffer.from(bytes).toString('base64')).join('\n'));
    chmodSync(this.file, 0o600);
  }

  hear(version: number, order: KeyOrder, prover: ClusterKey): void {
    this.carrier.orders.push({ ...encodeKeyOrder(nodeCipher, order, prover), version });
    this.keys.follow();
  }
}

const [k1, k2, k3] = [keyOf(1), keyOf(2), keyOf(3)];

test('path reports give way to a key that comes', (t) => {
  const node = new Node(k1);
  node.carrier.isFull = true;
  node.keys.add(k2);
  t.deepEqual(node.carrier.announced, [k1.id, k2.id]);
  t.false(node.carrier.isFull);
});

test('a key is added, used and the old one removed; each is announced, noted and kept', (t) => {
  const node = new Node(k1);
  node.keys.add(k2);
  t.deepEqual(node.carrier.announced, [k1.id, k2.id]);
  node.keys.use(k2.id, false);
  t.deepEqual(node.carrier.announced, [k2.id, k1.id]);
  t.true(node.keys.remove(k1.id, false));
  t.deepEqual(node.carrier.announced, [k2.id]);
  t.deepEqual(node.events, [`key ${k2.id} was added`, `key ${k2.id} is the primary one`, `key ${k1.id} was removed`]);
  t.deepEqual(node.start().ring.ids, [k2.id]);
});

test('only orders about keys that are news are written', (t) => {
  const node = new Node(k1);
  let saves = 0;
  node.store.save = () => {
    saves++;
  };
  node.carrier.orders.push({ subject: `forget/${'0'.repeat(32)}`, version: 1, content: new Uint8Array(4) });
  node.keys.follow();
  t.is(saves, 0);
  node.hear(2, { kind: 'add', key: k2 }, k1);
  node.keys.follow();
  t.is(saves, 1);
});

test('what others ordered is followed, and outlasts a restart', (t) => {
  const node = new Node(k1);
  node.hear(1, { kind: 'add', key: k2 }, k1);
  node.hear(2, { kind: 'use', id: k2.id }, k1);
  t.deepEqual(node.carrier.announced, [k2.id, k1.id]);
  node.start();
  t.deepEqual(node.keys.ring.ids, [k2.id, k1.id]);
  t.is(node.carrier.orders.length, 2);
});

test('what this node has by its key file is ordered all the same as long as others lack it', (t) => {
  const node = new Node(k1, k2);
  const other = { number: 2, keyIds: [k1.id], state: 'alive' } as const;
  node.carrier.others = [other];
  node.keys.add(k2);
  t.deepEqual(
    node.carrier.orders.map(({ subject }) => subject),
    [`key/${k2.id}`],
  );
  node.carrier.others = [{ ...other, keyIds: [k2.id, k1.id] }];
  node.keys.add(k2);
  t.is(node.carrier.orders.length, 1);
  node.keys.use(k1.id, false);
  t.deepEqual(
    node.carrier.orders.map(({ subject }) => subject),
    [`key/${k2.id}`, 'key-primary'],
  );
  t.deepEqual(node.keys.ring.ids, [k1.id, k2.id]);
  node.carrier.others = [{ ...other, keyIds: [k1.id, k2.id] }];
  node.keys.use(k1.id, false);
  t.is(node.carrier.orders.find(({ subject }) => subject === 'key-primary')!.version, 2);
});

test('a key is not used while a node that is alive does not hold it, unless by force', (t) => {
  const node = new Node(k1);
  node.keys.add(k2);
  node.carrier.others = [
    { number: 2, keyIds: [k1.id], state: 'alive' },
    { number: 3, keyIds: [k1.id], state: 'dead' },
    { number: 4, keyIds: [k1.id, k2.id], state: 'alive' },
  ];
  const error = t.throws(() => node.keys.use(k2.id, false), { code: 'key-not-held' });
  t.regex(error.message, /^n2 did not announce key/);
  t.true(node.keys.use(k2.id, true).primary);
});

for (const state of ['alive', 'suspect', 'dead', 'left'] as const) {
  test(`a key is not removed while a node that is ${state} did not confirm the primary one, unless by force`, (t) => {
    const node = new Node(k1, k2);
    node.carrier.others = [
      { number: 2, keyIds: [k2.id, k1.id], state },
      { number: 3, keyIds: [k1.id, k2.id], state: 'alive' },
    ];
    const error = t.throws(() => node.keys.remove(k2.id, false), { code: 'key-not-confirmed' });
    t.regex(error.message, /^n2 did not confirm the primary key/);
    t.true(node.keys.remove(k2.id, true));
    t.false(node.keys.remove(k2.id, true));
  });
}

test('a node that did not hear of others since its start neither uses nor removes a key, unless by force', (t) => {
  const node = new Node(k1, k2, k3);
  node.unheard = ['n2', 'seed 198.18.0.3:7948'];
  const error = t.throws(() => node.keys.remove(k3.id, false), { code: 'members-unheard' });
  t.regex(error.message, /^n2, seed 198\.18\.0\.3:7948 were not heard of/);
  t.throws(() => node.keys.use(k2.id, false), { code: 'members-unheard' });
  t.deepEqual(node.keys.ring.ids, [k1.id, k2.id, k3.id]);
  t.true(node.keys.use(k2.id, true).primary);
  t.true(node.keys.remove(k3.id, true));
});

test('the primary key is never removed', (t) => {
  t.throws(() => new Node(k1).keys.remove(k1.id, true), { code: 'key-in-use' });
});

test('an unknown key is not used', (t) => {
  t.throws(() => new Node(k1).keys.use(k2.id, true), { code: 'key-unknown' });
});

test('a full ring takes no key', (t) => {
  const node = new Node(...[1, 2, 3, 4, 5, 6, 7, 8].map(keyOf));
  t.throws(() => node.keys.add(keyOf(9)), { code: 'key-ring-full' });
  t.is(node.keys.add(keyOf(3)).id, keyOf(3).id);
});

test('a key that was stolen is gone with the next key file, and so is what it proved', (t) => {
  const node = new Node(k1);
  node.hear(4_294_967_294, { kind: 'add', key: keyOf(66) }, k1);
  node.hear(4_294_967_293, { kind: 'use', id: keyOf(66).id }, k1);
  node.carrier.orders.push({ subject: 'forget/00', version: 4_294_967_294, content: new Uint8Array(4) });
  t.is(node.keys.ring.primary.id, keyOf(66).id);
  node.write(k2);
  node.keys.reload();
  t.deepEqual(node.carrier.announced, [k2.id]);
  t.deepEqual(node.carrier.orders, []);
  node.keys.add(k3);
  t.deepEqual(node.keys.ring.ids, [k2.id, k3.id]);
  t.deepEqual(node.start().ring.ids, [k2.id, k3.id]);
});

test('a key file that changed while the daemon did not run counts at the next start', (t) => {
  const node = new Node(k1);
  node.keys.add(k2);
  node.write(k3);
  t.deepEqual(node.start().ring.ids, [k3.id]);
});

test('a key file that is as it was changes nothing', (t) => {
  const node = new Node(k1);
  node.keys.add(k2);
  node.keys.reload();
  t.deepEqual(node.keys.ring.ids, [k1.id, k2.id]);
});

test('a key file that cannot be used is a notice until it can', (t) => {
  const node = new Node(k1);
  writeFileSync(node.file, 'nonsense');
  node.keys.reload();
  t.deepEqual(
    node.keys.notices().map(({ code }) => code),
    ['key-file-invalid'],
  );
  t.deepEqual(node.keys.ring.ids, [k1.id]);
  node.write(k2);
  node.keys.reload();
  t.deepEqual(node.keys.notices(), []);
  t.deepEqual(node.keys.ring.ids, [k2.id]);
});

test('the list says who holds which key, and never the key', (t) => {
  const node = new Node(k1, k2);
  node.carrier.others = [{ number: 2, keyIds: [k1.id, k3.id], state: 'alive' }];
  const list = node.keys.list();
  t.deepEqual(list, [
    { id: k1.id, primary: true, held: true, holders: ['n1', 'n2'], users: ['n1', 'n2'], missing: [] },
    { id: k2.id, primary: false, held: true, holders: ['n1'], users: [], missing: ['n2'] },
    { id: k3.id, primary: false, held: false, holders: ['n2'], users: [], missing: ['n1'] },
  ]);
});

test('what was kept and is no list of keys stops the start', (t) => {
  const node = new Node(k1);
  node.store.save({ nonsense: true });
  t.throws(() => node.start(), { code: 'store-corrupt' });
});
