import test from 'ava';
import type { PolicyPeer, PolicyPort } from '../../src/policy/policy.ts';
import { ruleWords } from '../../src/policy/rule-words.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

const block = (...except: readonly string[]): PolicyPeer => ({
  kind: 'block',
  prefix: parsePrefix('10.0.0.0/8')!,
  except: except.map((text) => parsePrefix(text)!),
});

const app = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', ...values: readonly string[]) => [
  { key: 'app', operator, values },
];

const name = (...values: readonly string[]) => [
  { key: 'kubernetes.io/metadata.name', operator: 'In', values } as const,
];

const means = test.macro<[PolicyPeer, readonly PolicyPort[] | undefined]>({
  exec: (t, peer, ports) => t.is(ruleWords({ peer, ports }), t.title),
  title: (text) => text!,
});

test('anybody', means, { kind: 'all' }, undefined);
test('nobody, as it is not understood', means, { kind: 'none' }, undefined);
test('all pods of shop', means, { kind: 'pods', pods: { namespaces: 'shop', pods: [] } }, undefined);
test(
  'pods app=web of all namespaces',
  means,
  { kind: 'pods', pods: { namespaces: [], pods: app('In', 'web') } },
  undefined,
);
test(
  'pods app of shop, bar',
  means,
  { kind: 'pods', pods: { namespaces: name('shop', 'bar'), pods: app('Exists') } },
  undefined,
);
test(
  'pods !app of namespaces app in (a,b)',
  means,
  { kind: 'pods', pods: { namespaces: app('In', 'a', 'b'), pods: app('DoesNotExist') } },
  undefined,
);
test('nodes app notin (a)', means, { kind: 'nodes', nodes: app('NotIn', 'a') }, undefined);
test('all nodes', means, { kind: 'nodes', nodes: [] }, undefined);
test('10.0.0.0/8 except 10.1.0.0/16, 10.2.0.0/16', means, block('10.1.0.0/16', '10.2.0.0/16'), undefined);
test('anybody, no port', means, { kind: 'all' }, []);
test('anybody, tcp 80,8000-8010, udp dns, sctp, port any', means, { kind: 'all' }, [
  { protocol: 'TCP', kind: 'range', first: 80, last: 80 },
  { protocol: 'UDP', kind: 'name', name: 'dns' },
  { protocol: 'TCP', kind: 'range', first: 8_000, last: 8_010 },
  { protocol: 'SCTP', kind: 'any' },
  { protocol: undefined, kind: 'name', name: 'any' },
]);
test(
  'anybody, tcp 1,2,3,4,5,6 and 2 more',
  means,
  { kind: 'all' },
  [1, 2, 3, 4, 5, 6, 7, 8].map((port) => ({ protocol: 'TCP', kind: 'range', first: port, last: port })),
);
