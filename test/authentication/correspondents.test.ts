import test from 'ava';
import { Correspondent, Correspondents, MAX_PROCESSES_PER_SENDER } from '../../src/authentication/correspondents.ts';

test('the sender that was silent for the longest makes room', (t) => {
  const correspondents = new Correspondents(2);
  correspondents.keep('a', 's', new Correspondent());
  correspondents.keep('b', 's', new Correspondent());
  correspondents.keep('a', 's', correspondents.find('a', 's')!);
  correspondents.keep('c', 's', new Correspondent());
  t.is(correspondents.size, 2);
  t.truthy(correspondents.find('a', 's'));
  t.is(correspondents.find('b', 's'), undefined);
});

test('so does the process of a sender', (t) => {
  const correspondents = new Correspondents();
  for (let salt = 0; salt <= MAX_PROCESSES_PER_SENDER; salt++) {
    correspondents.keep('a', `${salt}`, new Correspondent());
  }
  t.is(correspondents.find('a', '0'), undefined);
  t.truthy(correspondents.find('a', '1'));
  t.is(correspondents.size, 1);
});

test('a few subkeys are kept', (t) => {
  const correspondent = new Correspondent();
  for (const id of ['1', '2', '3']) correspondent.keepSubkey(id, Uint8Array.of(Number(id)));
  t.is(correspondent.subkey('1'), undefined);
  t.deepEqual(correspondent.subkey('3'), Uint8Array.of(3));
});
