import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PodBook } from '../../../src/daemon/pods/pod-book.ts';
import type { PodAttachment } from '../../../src/daemon/pods/pod-key.ts';
import { newPodRecord, type PodRecord } from '../../../src/daemon/pods/pod-record.ts';
import { readStoredPods } from '../../../src/daemon/pods/stored-pods.ts';
import { StateJournal } from '../../../src/daemon/state/state-journal.ts';
import { WeftError } from '../../../src/errors.ts';
import { JournalDirectory } from '../../../src/linux/journal-directory.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

const clock = { bootId: 'today', sinceBootMs: () => 1_000_000 };

function place(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-book-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

function openBook(stateDir: string): PodBook {
  const journal = new StateJournal('pods.journal', new JournalDirectory(stateDir));
  return new PodBook(journal, [parsePrefix('10.244.1.0/24')!], clock);
}

function recordOf(name: string, attachment?: PodAttachment): PodRecord {
  const place = { netns: `/run/netns/${name}`, netnsIdentity: '4:1', ownsNetns: false };
  const identity = { name, namespace: 'default', labels: {}, device: 'eth0', network: 'default', attachment };
  return newPodRecord({ ...identity, place, hasDefaultRoute: true, allowSources: [], mac: undefined }, [], 0);
}

function namesIn(book: PodBook): string[] {
  return book.all().map(({ name, phase }) => `${name} ${phase}`);
}

test('pods and their addresses outlast a restart', (t) => {
  const stateDir = place(t);
  const book = openBook(stateDir);
  book.enter(recordOf('web'), undefined);
  book.enter(recordOf('db'), undefined);
  book.settle({ ...recordOf('web'), phase: 'ready' });
  book.forget(recordOf('db'));
  const again = openBook(stateDir);
  t.deepEqual(namesIn(again), ['web ready']);
  t.deepEqual(again.addressesOf(recordOf('web')).map(formatIpAddress), ['10.244.1.2']);
  t.true(again.isOfThisBoot(recordOf('web')));
  t.deepEqual(
    readStoredPods(stateDir).map(({ name }) => name),
    ['web'],
  );
});

test('what a container of Kubernetes had is given to no other pod for a minute, also after a restart, and to the same one at once', (t) => {
  const stateDir = place(t);
  const web = (containerId: string): PodRecord => recordOf('web', { containerId, cniNetwork: 'weft' });
  const db = recordOf('db', { containerId: 'c3', cniNetwork: 'weft' });
  const wanted = [parseIpAddress('10.244.1.2')!];
  const book = openBook(stateDir);
  book.enter(web('c1'), undefined);
  book.forget(web('c1'));
  const again = openBook(stateDir);
  t.is(t.throws(() => again.enter(db, wanted), { instanceOf: WeftError }).code, 'address-cooling');
  again.enter(db, undefined);
  t.deepEqual(again.addressesOf(db).map(formatIpAddress), ['10.244.1.3']);
  again.enter(web('c2'), undefined);
  t.deepEqual(again.addressesOf(web('c2')), wanted);
});

test('a journal that is gone is damage, until it is stored anew', (t) => {
  const stateDir = place(t);
  const book = openBook(stateDir);
  book.enter(recordOf('web'), undefined);
  t.is(book.damage(), undefined);
  rmSync(join(stateDir, 'pods.journal'));
  t.regex(book.damage() ?? '', /^pods\.journal is gone/);
  book.save();
  t.is(book.damage(), undefined);
  t.deepEqual(namesIn(openBook(stateDir)), ['web adding']);
});

const lease = { network: 'default', pod: 'web', addresses: ['10.244.1.3'] };
const earlier = {
  version: 1,
  bootId: 'yesterday',
  pods: [{ ...recordOf('web'), phase: 'ready' }],
  leases: { leases: [lease], cursors: { '10.244.1.0/24': 5 } },
};

function writeEarlier(stateDir: string, document: unknown): void {
  writeFileSync(join(stateDir, 'pods.json'), JSON.stringify(document));
}

test('what an earlier version stored is taken over once, and its file goes', (t) => {
  const stateDir = place(t);
  writeEarlier(stateDir, earlier);
  t.deepEqual(
    readStoredPods(stateDir).map(({ name }) => name),
    ['web'],
  );
  t.true(existsSync(join(stateDir, 'pods.json')), 'reading changes nothing');
  const book = openBook(stateDir);
  t.deepEqual(namesIn(book), ['web ready']);
  t.false(book.isOfThisBoot(recordOf('web')));
  t.false(existsSync(join(stateDir, 'pods.json')));
  book.enter(recordOf('db'), undefined);
  // 10.244.1.2 and .4 were freed at some time before.
  t.deepEqual(book.addressesOf(recordOf('db')).map(formatIpAddress), ['10.244.1.5']);
  t.deepEqual(namesIn(openBook(stateDir)), ['web ready', 'db adding']);
});

test('a file that was taken over, and could not be removed then, is not taken over again', (t) => {
  const stateDir = place(t);
  writeEarlier(stateDir, earlier);
  openBook(stateDir).enter(recordOf('db'), undefined);
  writeEarlier(stateDir, earlier);
  t.deepEqual(namesIn(openBook(stateDir)), ['web ready', 'db adding']);
  t.false(existsSync(join(stateDir, 'pods.json')));
});

test('what the earlier version stored since counts, if somebody went back to it', (t) => {
  const stateDir = place(t);
  writeEarlier(stateDir, earlier);
  openBook(stateDir).enter(recordOf('db'), undefined);
  const before = readFileSync(join(stateDir, 'pods.journal'), 'utf8');
  writeEarlier(stateDir, {
    ...earlier,
    pods: [{ ...recordOf('new') }],
    leases: { leases: [{ ...lease, pod: 'new' }] },
  });
  t.deepEqual(namesIn(openBook(stateDir)), ['new adding']);
  t.is(readFileSync(join(stateDir, 'pods.journal.aside'), 'utf8'), before);
});

for (const [what, document] of Object.entries({
  'nothing in it': null,
  'a later version': { ...earlier, version: 2 },
  'a pod without a lease': { ...earlier, leases: { leases: [], cursors: {} } },
  'a record that is none': { ...earlier, pods: [{ name: 'web' }] },
  'a lease that is none': { ...earlier, leases: { leases: [{ ...lease, addresses: [] }] } },
})) {
  test(`a file of an earlier version with ${what} is refused, and stays`, (t) => {
    const stateDir = place(t);
    writeEarlier(stateDir, document);
    t.is(t.throws(() => openBook(stateDir), { instanceOf: WeftError }).code, 'store-corrupt');
    t.true(existsSync(join(stateDir, 'pods.json')));
    t.false(existsSync(join(stateDir, 'pods.journal')));
  });
}
