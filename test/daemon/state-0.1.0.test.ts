/** State directories of version 0.1.0 are read. The files were written by that version itself (commit 9e47c48). */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { openNodeIdentity } from '../../src/daemon/state/node-identity.ts';
import { StateFile } from '../../src/daemon/state/state-file.ts';
import { PodBook } from '../../src/daemon/pods/pod-book.ts';
import { membersDocument, parseMembersDocument } from '../../src/daemon/gossip/stored-members.ts';
import type { Store } from '../../src/env/store.ts';
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
  const store = stored('pods.json');
  const book = new PodBook(new StateFile('pods.json', store), announcementOf(1).prefixes);
  t.deepEqual(
    book.all().map(({ name, phase, hostDevice, ownsNetns }) => [name, phase, hostDevice, ownsNetns]),
    [
      ['web', 'ready', 'wf2a88057b', false],
      ['db', 'removing', 'wfe30b746f', true],
    ],
  );
  const [web] = book.all();
  t.deepEqual(book.addressesOf(web!).map(formatIpAddress), ['10.244.1.2', 'fd00:10:244:1::2']);
  const { bootId: _, ...before } = store.load() as Record<string, unknown>;
  book.save();
  const { bootId: _now, ...after } = store.saved[0] as Record<string, unknown>;
  t.deepEqual(after, before);
});
