import test from 'ava';
import type { FactsOfDaemon } from '../../../src/doctor/check.ts';
import { members } from '../../../src/doctor/checks/members.ts';
import type { PeerFacts } from '../../../src/doctor/facts.ts';
import { factsWith } from '../../support/doctor-facts.ts';

/** What is found where peers n2, n3, ... are in these states. */
function foundOf(...states: readonly PeerFacts['state'][]) {
  const facts = factsWith() as FactsOfDaemon;
  const [peer] = facts.daemon.peers;
  const peers = states.map((state, index) => ({ ...peer!, name: `n${index + 2}`, state }));
  return members.look({ ...facts, daemon: { ...facts.daemon, peers } });
}

test('one that is dead is to be looked after', (t) => {
  const [finding] = foundOf('dead', 'alive');
  t.is(finding!.evidence.length, 1);
  t.deepEqual(finding!.fix.commands, ['weft peer forget n2']);
  t.deepEqual(foundOf('alive', 'suspect'), []);
});

test('where all others are dead, nobody is to be forgotten: this node is cut off', (t) => {
  const [finding] = foundOf('dead', 'dead');
  t.regex(finding!.evidence.at(-1)!, /this one is probably cut off itself$/);
  t.deepEqual(finding!.fix.commands, ['weft ping n2 --count 2', 'weft ping n3 --count 2']);
});

test('the only other node that there is may as well be dead', (t) => {
  t.deepEqual(foundOf('dead')[0]!.fix.commands, ['weft peer forget n2']);
});
