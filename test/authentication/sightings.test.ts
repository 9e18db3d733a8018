import test from 'ava';
import { Sightings, TRANSLATION_AGE_MS } from '../../src/authentication/sightings.ts';
import { endpointOf } from '../support/cluster-keys.ts';

const seen = { from: endpointOf(9), announced: endpointOf(1) };

test('each way of coming has its own, and one that comes as announced ends its own only', (t) => {
  const sightings = new Sightings();
  sightings.noteTranslated('a', { ...seen, carrier: 'datagram', lastMs: 1 });
  sightings.noteTranslated('a', { ...seen, carrier: 'stream', lastMs: 2 });
  sightings.noteHeard('a', 3, 'stream');
  const { translations, heardMs } = sightings.get('a', 3);
  t.deepEqual([translations.map(({ carrier }) => carrier), heardMs], [['datagram'], 3]);
  // An answer says nothing of where messages come from.
  sightings.noteHeard('a', 4);
  t.is(sightings.get('a', 4).translations.length, 1);
});

test('after a pause it counts anew', (t) => {
  const sightings = new Sightings();
  const note = (lastMs: number) => sightings.noteTranslated('a', { ...seen, carrier: 'datagram', lastMs });
  note(0);
  note(TRANSLATION_AGE_MS);
  t.is(sightings.get('a', TRANSLATION_AGE_MS).translations[0]!.messages, 2);
  note(2 * TRANSLATION_AGE_MS + 1);
  t.is(sightings.get('a', 2 * TRANSLATION_AGE_MS + 1).translations[0]!.messages, 1);
});

test('no more senders are remembered than there may be', (t) => {
  const sightings = new Sightings(2);
  for (const [index, sender] of ['a', 'b', 'a', 'c'].entries()) sightings.noteHeard(sender, index);
  t.deepEqual(
    ['a', 'b', 'c'].map((sender) => sightings.get(sender, 10).heardMs),
    [undefined, 1, 3],
  );
  t.deepEqual(sightings.get('nobody', 0), { heardMs: undefined, translations: [] });
});
