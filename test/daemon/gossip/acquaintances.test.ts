import test from 'ava';
import { Acquaintances } from '../../../src/daemon/gossip/acquaintances.ts';
import type { Endpoint } from '../../../src/wire/address.ts';
import { endpoint, identityOf, memberOf } from '../../support/announcements.ts';

const never = (): boolean => false;
const elsewhere = endpoint('198.18.9.9:7948');

/** With members of the last run, by number, and seeds. */
function acquaintances(members: readonly number[], seeds: Record<string, readonly Endpoint[]> = {}): Acquaintances {
  const known = members.map((number) => ({ identity: identityOf(number), name: `n${number}` }));
  return new Acquaintances(known, () => new Map(Object.entries(seeds)));
}

test('who was never anywhere waits for nobody', (t) => {
  t.deepEqual(acquaintances([]).unheard(never), []);
});

test('members of the last run count as heard of once they are seen, dead ones included', (t) => {
  const known = acquaintances([3, 2]);
  t.deepEqual(known.unheard(never), ['n2', 'n3']);
  known.meet([memberOf(1), memberOf(2, {}, 'dead')]);
  t.deepEqual(known.unheard(never), ['n3']);
  known.meet([memberOf(1)]);
  t.deepEqual(known.unheard(never), ['n3']);
});

test('who was forgotten is not waited for', (t) => {
  const known = acquaintances([2, 3]);
  t.deepEqual(
    known.unheard((identity) => identity === identityOf(2)),
    ['n3'],
  );
});

test('a seed counts as heard of once somebody is at one of its addresses, this node included', (t) => {
  const [here, there] = [memberOf(1), memberOf(2)];
  const known = acquaintances([], {
    'self:7948': [here.announcement.gossipEndpoint],
    'name:7948': [elsewhere, there.announcement.gossipEndpoint],
    'unresolved:7948': [],
    'nobody:7948': [elsewhere],
  });
  known.meet([here]);
  t.deepEqual(known.unheard(never), ['seed name:7948', 'seed unresolved:7948', 'seed nobody:7948']);
  known.meet([here, there]);
  known.meet([here]);
  t.deepEqual(known.unheard(never), ['seed unresolved:7948', 'seed nobody:7948']);
});
