import test from 'ava';
import type { GivenOutcome } from '../../src/api/rulebook-api.ts';
import { formatOutcomes, hintOfAbsent } from '../../src/cli/given-view.ts';

const absent: readonly GivenOutcome[] = [
  { kind: 'ClusterNetworkPolicy', namespace: '', name: 'web', outcome: 'absent' },
  { kind: 'NetworkPolicy', namespace: 'default', name: 'db', outcome: 'absent' },
  { kind: 'ClusterNetworkPolicy', namespace: '', name: 'all', outcome: 'deleted' },
];

test('a line tells what became of each, as kubectl has it', (t) => {
  t.is(
    formatOutcomes(absent),
    'clusternetworkpolicy web not found\nnetworkpolicy default/db not found\nclusternetworkpolicy all deleted\n',
  );
});

test('to whoever may have left out a namespace it is said how policies are written', (t) => {
  t.is(
    hintOfAbsent(absent),
    'no ClusterNetworkPolicy is called web; a NetworkPolicy is written NAMESPACE/NAME: default/web\n',
  );
  t.is(hintOfAbsent([]), '');
});
