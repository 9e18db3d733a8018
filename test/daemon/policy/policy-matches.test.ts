import test from 'ava';
import { ruleMatches } from '../../../src/daemon/policy/policy-matches.ts';
import type { PlannedPort } from '../../../src/policy/node-plan.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

const state = new PlanState();
state.change({
  pods: { changed: [], gone: [] },
  isolations: { changed: [], gone: [] },
  peerSets: {
    changed: [
      { key: 'unknown', prefixes: [parsePrefix('10.244.1.2/32')!] },
      { key: 'nobody', prefixes: [] },
    ],
    gone: [],
  },
  portSets: { changed: [], gone: [] },
});

/** Without the name of the set, which is a digest. */
function matches(way: 'forth' | 'back', ...ports: readonly PlannedPort[]): string[] {
  const rule = { tier: 'admin', name: 'a egress[0]', action: 'deny', isAudit: false, peers: undefined, ports } as const;
  return ruleMatches(state, rule, { direction: 'egress', way }).map((text) => text.replace(/@\S+/, '@set'));
}

const unknown = (protocol: 'TCP' | 'UDP' | undefined, pods = 'unknown'): PlannedPort => ({
  kind: 'unknown',
  protocol,
  pods,
});

test('what may be any port of a destination is all ports of it', (t) => {
  t.deepEqual(matches('forth', unknown('TCP')), ['ip daddr @set meta l4proto tcp']);
  t.deepEqual(matches('forth', unknown(undefined)), ['ip daddr @set meta l4proto { tcp, udp, sctp }']);
});

test('of what answers, the source is the destination, and only TCP is judged', (t) => {
  t.deepEqual(matches('back', unknown(undefined)), ['ip saddr @set meta l4proto tcp']);
  t.deepEqual(matches('back', unknown('UDP')), []);
});

test('where the ports of all are known there is no rule', (t) => {
  t.deepEqual(matches('forth', unknown('TCP', 'nobody')), []);
});
