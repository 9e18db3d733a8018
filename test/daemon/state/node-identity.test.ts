import test from 'ava';
import { IncarnationKeeper, macOfIdentity, openNodeIdentity } from '../../../src/daemon/state/node-identity.ts';
import { StateFile } from '../../../src/daemon/state/state-file.ts';
import type { Store } from '../../../src/env/store.ts';
import { WeftError } from '../../../src/errors.ts';

/** A disk with one document. */
class Disk implements Store {
  document: unknown;
  isFull = false;
  saves = 0;

  constructor(document?: unknown) {
    this.document = document;
  }

  load(): unknown {
    return this.document;
  }

  save(document: unknown): void {
    if (this.isFull) throw new WeftError('store-failed', 'identity.json cannot be saved: ENOSPC');
    this.document = document;
    this.saves++;
  }

  /** As a new process would see it. */
  file(): StateFile {
    return new StateFile('identity.json', this);
  }
}

let nowMs = Date.parse('2026-01-01T00:00:00Z');
const clock = (): number => nowMs;

test('the first start makes an identity, the next keeps it and counts up', (t) => {
  const disk = new Disk();
  const first = openNodeIdentity(disk.file(), clock);
  t.regex(first.identity, /^[0-9a-f]{32}$/);
  t.deepEqual(openNodeIdentity(disk.file(), clock), { identity: first.identity, incarnation: first.incarnation + 1 });
});

test('a start begins above all incarnations of the run before, which are seldom written', (t) => {
  const disk = new Disk();
  for (let start = 0, last = 0; start < 5; start++) {
    const file = disk.file();
    const opened = openNodeIdentity(file, clock);
    t.true(opened.incarnation > last);
    disk.saves = 0;
    const keeper = new IncarnationKeeper(file, opened, clock);
    for (last = opened.incarnation; last < opened.incarnation + 150; last++) keeper.used(last);
    t.is(disk.saves, 2);
  }
});

test('an incarnation to which somebody drove the node is not kept', (t) => {
  const disk = new Disk();
  const file = disk.file();
  const opened = openNodeIdentity(file, clock);
  new IncarnationKeeper(file, opened, clock).used(0xff_ff_ff_fe);
  t.is(openNodeIdentity(disk.file(), clock).incarnation, opened.incarnation + 1);
});

test('incarnations that cannot be saved do no harm, and are saved when that can be done', (t) => {
  const disk = new Disk();
  const file = disk.file();
  const opened = openNodeIdentity(file, clock);
  const keeper = new IncarnationKeeper(file, opened, clock);
  disk.isFull = true;
  t.notThrows(() => keeper.used(opened.incarnation + 1));
  t.not(file.behind, undefined);
  disk.isFull = false;
  t.true(file.retry());
  t.is(file.behind, undefined);
  t.true(openNodeIdentity(disk.file(), clock).incarnation > opened.incarnation + 1);
});

test('a start that cannot be counted begins above the starts before it that could not either', (t) => {
  const disk = new Disk();
  let last = openNodeIdentity(disk.file(), clock).incarnation;
  disk.isFull = true;
  for (let start = 0; start < 3; start++) {
    nowMs += 10_000;
    const { incarnation } = openNodeIdentity(disk.file(), clock);
    t.true(incarnation >= last + 10, `${incarnation} after ${last}`);
    last = incarnation;
  }
});

test('a start that cannot be counted jumps no further than others believe, and never back', (t) => {
  const disk = new Disk();
  const { incarnation } = openNodeIdentity(disk.file(), clock);
  disk.isFull = true;
  t.is(openNodeIdentity(disk.file(), () => nowMs + 1e12).incarnation, incarnation + 1 + 500_000);
  t.is(openNodeIdentity(disk.file(), () => nowMs - 1e9).incarnation, incarnation + 1);
  const old = new Disk({ identity: '0'.repeat(32), incarnation: 7 });
  old.isFull = true;
  t.is(openNodeIdentity(old.file(), clock).incarnation, 8);
});

test('a new identity that cannot be stored is refused: each start would make another node', (t) => {
  const disk = new Disk();
  disk.isFull = true;
  t.throws(() => openNodeIdentity(disk.file(), clock), {
    code: 'store-failed',
    message: /another one after each start/,
  });
});

test('two first starts are two nodes', (t) => {
  t.not(openNodeIdentity(new Disk().file(), clock).identity, openNodeIdentity(new Disk().file(), clock).identity);
});

const refuses = test.macro<[document: unknown]>({
  exec: (t, document) => {
    const disk = new Disk(document);
    t.throws(() => openNodeIdentity(disk.file(), clock), {
      code: 'store-corrupt',
      message: /delete it to become a new node/,
    });
    t.is(disk.document, document);
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
