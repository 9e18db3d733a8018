import test from 'ava';
import { IncarnationKeeper, macOfIdentity, openNodeIdentity } from '../../src/daemon/node-identity.ts';
import type { Store } from '../../src/env/store.ts';
import { silentLogger } from '../support/silent-logger.ts';

function storeWith(document: unknown): Store & { document: unknown } {
  return {
    document,
    load() {
      return this.document;
    },
    save(next) {
      this.document = next;
    },
  };
}

test('the first start makes an identity, the next keeps it and counts up', (t) => {
  const store = storeWith(undefined);
  const first = openNodeIdentity(store);
  t.regex(first.identity, /^[0-9a-f]{32}$/);
  t.deepEqual(openNodeIdentity(store), { identity: first.identity, incarnation: first.incarnation + 1 });
});

test('a start begins above all incarnations of the run before, which are seldom written', (t) => {
  const store = storeWith(undefined);
  for (let start = 0, last = 0; start < 5; start++) {
    const opened = openNodeIdentity(store);
    t.true(opened.incarnation > last);
    let saves = 0;
    const counting: Store = { load: () => undefined, save: (document) => (saves++, store.save(document)) };
    const keeper = new IncarnationKeeper(counting, opened, silentLogger);
    for (last = opened.incarnation; last < opened.incarnation + 150; last++) keeper.used(last);
    t.is(saves, 2);
  }
});

test('an incarnation to which somebody drove the node is not kept', (t) => {
  const store = storeWith(undefined);
  const opened = openNodeIdentity(store);
  new IncarnationKeeper(store, opened, silentLogger).used(0xff_ff_ff_fe);
  t.is(openNodeIdentity(store).incarnation, opened.incarnation + 1);
});

test('an incarnation that cannot be saved does no harm', (t) => {
  const opened = openNodeIdentity(storeWith(undefined));
  const broken: Store = {
    load: () => undefined,
    save() {
      throw new Error('disk full');
    },
  };
  const keeper = new IncarnationKeeper(broken, opened, silentLogger);
  t.notThrows(() => keeper.used(opened.incarnation + 1));
});

test('two first starts are two nodes', (t) => {
  t.not(openNodeIdentity(storeWith(undefined)).identity, openNodeIdentity(storeWith(undefined)).identity);
});

const refuses = test.macro<[document: unknown]>({
  exec: (t, document) => {
    const store = storeWith(document);
    t.throws(() => openNodeIdentity(store), { code: 'store-corrupt', message: /delete it to become a new node/ });
    t.is(store.document, document);
  },
  title: (name) => `${name} is no identity, and is left as it is`,
});

test('null', refuses, null);
test('an empty object', refuses, {});
test('a short identity', refuses, { identity: 'abc', incarnation: 1 });
test('an incarnation that is no number', refuses, { identity: '0'.repeat(32), incarnation: '1' });

test('the MAC of an identity is locally administered, unicast, and always the same', (t) => {
  const mac = macOfIdentity('00112233445566778899aabbccddeeff');
  t.is(mac.length, 6);
  t.is(mac[0]! & 0b11, 0b10);
  t.deepEqual(mac, macOfIdentity('00112233445566778899aabbccddeeff'));
  t.notDeepEqual(mac, macOfIdentity('00112233445566778899aabbccddeefe'));
});
