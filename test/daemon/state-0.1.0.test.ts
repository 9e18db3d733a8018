/** State directories of version 0.1.0 are read. The files were written by that version itself (commit 9e47c48). */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openNodeIdentity } from '../../src/daemon/state/node-identity.ts';
import { StateFile } from '../../src/daemon/state/state-file.ts';
import { StateJournal } from '../../src/daemon/state/state-journal.ts';
import { PodBook } from '../../src/daemon/pods/pod-book.ts';
import { membersDocument, parseMembersDocument } from '../../src/daemon/gossip/stored-members.ts';
import type { Store } from '../../src/env/store.ts';
import { JournalDirectory } from '../../src/linux/journal-directory.ts';
import { formatEndpoint, formatIpAddress } from '../../src/wire/address.ts';
import { announcementOf } from '../support/announcements.ts';

/** The document in a file, and what is saved in its place. */
function stored(name: string): Store & { readonly saved: unknown[] } {
  const saved: unknown[] = [];
  const file = new URL(`../golden/gossip-0.1.0/state/${name}`, import.meta.url);
  return { saved, load: () => JSON.parse(readFileSync(file, 'utf8')), save: (document) => saved.push(document) };
}

test('the identity stays, and this start counts', (t) => {
  const store = stored('identity.json');
  const next = { identity: 'b59a925f825e94a9d1728f92cd8cf1cd', incarnation: 3 };
  t.deepEqual(
    openNodeIdentity(new StateFile('identity.json', store), () => 0),
    next,
  );
  t.deepEqual(store.saved, [{ ...next, storedAt: '1970-01-01T00:00:00.000Z' }]);
});

test('the members last seen are seeds, and are stored as they were', (t) => {
  const document: unknown = stored('members.json').load();
  const { endpoints, members } = parseMembersDocument(document);
  t.deepEqual(endpoints.map(formatEndpoint), [
    '198.18.0.1:7948',
    '198.18.0.2:7948',
    '198.18.1.44:7948',
    '[fd00::5]:7948',
  ]);
  t.deepEqual(membersDocument({ endpoints, members }), { ...(document as object), members: [] });
});

test('pods keep their records and addresses', (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'weft-0.1.0-'));
  t.teardown(() => rmSync(stateDir, { recursive: true }));
  cpSync(new URL('../golden/gossip-0.1.0/state/pods.json', import.meta.url), join(stateDir, 'pods.json'));
  const { pods, bootId } = stored('pods.json').load() as { pods: readonly unknown[]; bootId: string };
  const open = (): PodBook =>
    new PodBook(new StateJournal('pods.journal', new JournalDirectory(stateDir)), announcementOf(1).prefixes, {
      bootId,
      sinceBootMs: () => 1_000_000,
    });
  for (const book of [open(), open()]) {
    t.deepEqual(book.all(), pods);
    t.deepEqual(
      book.all().map(({ name, phase, hostDevice, ownsNetns }) => [name, phase, hostDevice, ownsNetns]),
      [
        ['web', 'ready', 'wf2a88057b', false],
        ['db', 'removing', 'wfe30b746f', true],
      ],
    );
    const [web] = book.all();
    t.deepEqual(book.addressesOf(web!).map(formatIpAddress), ['10.244.1.2', 'fd00:10:244:1::2']);
    t.true(book.isOfThisBoot(web!));
  }
});
