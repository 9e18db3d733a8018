import test from 'ava';
import type { IsolationPlan, NodePlan, PlannedPort, PlannedRule } from '../../src/policy/node-plan.ts';
import { PlanState } from '../../src/policy/plan-state.ts';
import {
  isFlowAllowed,
  isolationVerdict,
  isSegmentAllowed,
  type PlannedFlow,
  type PlannedVerdict,
} from '../../src/policy/plan-verdict.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

const address = (text: string) => parseIpAddress(text)!;
const prefixes = (...texts: readonly string[]) => texts.map((text) => parsePrefix(text)!);

function rule(part: Partial<PlannedRule>): PlannedRule {
  return {
    tier: 'namespace',
    name: 'rule',
    action: 'allow',
    isAudit: false,
    peers: undefined,
    ports: undefined,
    ...part,
  };
}

function isolation(part: Partial<IsolationPlan>): IsolationPlan {
  return { key: 'in', direction: 'ingress', rules: [], isolatedBy: ['shop/web'], isAudit: false, ...part };
}

/** Pod web at 10.0.0.1 and fd00::1, and another one that nothing isolates. */
function stateOf(ingress: IsolationPlan | undefined, egress?: IsolationPlan): PlanState {
  const plan: NodePlan = {
    pods: [
      {
        pod: 'shop/web',
        addresses: ['10.0.0.1', 'fd00::1'].map(address),
        ingress: ingress?.key,
        egress: egress?.key,
      },
    ],
    isolations: [ingress, egress].filter((one) => one !== undefined),
    peerSets: [
      { key: 'office', prefixes: prefixes('192.0.2.0/25', '192.0.2.200/32', '2001:db8::/32') },
      { key: 'web', prefixes: prefixes('10.0.0.1/32', 'fd00::1/128') },
    ],
    portSets: [{ key: 'http', elements: [{ address: address('10.0.0.1'), protocol: 'TCP', port: 8_080 }] }],
  };
  const state = new PlanState();
  state.change(state.changeTo(plan));
  return state;
}

/** `192.0.2.1:40000 -> 10.0.0.1:80`, of a protocol by its number. */
function flow(text: string, protocol = 6): PlannedFlow {
  const [, source, sourcePort, destination, destinationPort] = /^(\S+):(\d+) -> (\S+):(\d+)$/.exec(text)!;
  const hasPorts = [6, 17, 132].includes(protocol);
  return {
    source: address(source!),
    destination: address(destination!),
    protocol,
    sourcePort: hasPorts ? Number(sourcePort) : undefined,
    destinationPort: hasPorts ? Number(destinationPort) : undefined,
  };
}

const judges = test.macro<[Partial<IsolationPlan>, PlannedFlow, PlannedVerdict]>({
  exec(t, part, judged, wanted) {
    const judging = isolation(part);
    t.deepEqual(isolationVerdict(stateOf(judging), judging, judged), wanted);
  },
  title: (name = '') => name,
});

const allowed = (name: string | undefined, ...told: (string | undefined)[]) => ({ isAllowed: true, rule: name, told });
const denied = (name: string | undefined, ...told: (string | undefined)[]) => ({ isAllowed: false, rule: name, told });
const fromOffice = flow('192.0.2.1:40000 -> 10.0.0.1:80');
const admin = { tier: 'admin' } as const;
const baseline = { tier: 'baseline' } as const;
const deny = rule({ ...admin, name: 'deny', action: 'deny' });

test('who is isolated is denied what no rule allows', judges, {}, fromOffice, denied(undefined));
test('who is not isolated is allowed what no rule denies', judges, { isolatedBy: [] }, fromOffice, allowed(undefined));
test('a rule for anybody', judges, { rules: [rule({})] }, fromOffice, allowed('rule'));
test('the first rule that matches decides', judges, { rules: [deny, rule({})] }, fromOffice, denied('deny'));
test(
  'tiers are asked in their order, wherever their rules stand',
  judges,
  { rules: [rule({}), deny] },
  fromOffice,
  denied('deny'),
);
test(
  'what passes is up to the next tier',
  judges,
  { rules: [rule({ ...admin, name: 'pass', action: 'pass' }), deny, rule({})] },
  fromOffice,
  allowed('rule'),
);
test(
  'what passes all tiers is allowed where nothing isolates',
  judges,
  { isolatedBy: [], rules: [rule({ ...baseline, action: 'pass' }), rule({ ...baseline, action: 'deny' })] },
  fromOffice,
  allowed(undefined),
);
const baselineDeny = rule({ ...baseline, name: 'base', action: 'deny' });
test(
  'the baseline is asked where nothing isolates',
  judges,
  { isolatedBy: [], rules: [baselineDeny] },
  fromOffice,
  denied('base'),
);
const baselineAllow = rule({ ...baseline, name: 'base' });
test(
  'the baseline is not asked where something does',
  judges,
  { rules: [baselineAllow] },
  fromOffice,
  denied(undefined),
);
test(
  'what is in audit mode is told, and whoever comes after it is asked',
  judges,
  { isAudit: true, rules: [{ ...deny, isAudit: true }, baselineDeny] },
  fromOffice,
  denied('base', 'deny', undefined),
);
test(
  'what is in audit mode alone denies nothing',
  judges,
  { isAudit: true },
  fromOffice,
  allowed(undefined, undefined),
);

const matches = test.macro<[Partial<PlannedRule>, PlannedFlow, boolean]>({
  exec(t, part, judged, isAllowed) {
    const judging = isolation({ rules: [rule(part)] });
    t.is(isolationVerdict(stateOf(judging), judging, judged).isAllowed, isAllowed);
  },
  title: (name = '') => name,
});

const office = { peers: 'office' };
test('a peer in a prefix', matches, office, fromOffice, true);
test('a peer that is one address', matches, office, flow('192.0.2.200:1 -> 10.0.0.1:1'), true);
test('a peer in none', matches, office, flow('192.0.2.201:1 -> 10.0.0.1:1'), false);
test('a peer of the other family', matches, office, flow('2001:db8::9:1 -> fd00::1:1'), true);
test('peers of a set that there is not', matches, { peers: 'nobody' }, fromOffice, false);

const ranges = (first: number, last = first): { readonly ports: readonly PlannedPort[] } => {
  return { ports: [{ kind: 'range', protocol: 'TCP', first, last }] };
};
test('a port', matches, ranges(80), fromOffice, true);
test('the port before', matches, ranges(79), fromOffice, false);
test('the first port of a range', matches, ranges(80, 90), fromOffice, true);
test('the last port of a range', matches, ranges(70, 80), fromOffice, true);
test('a port of another protocol', matches, ranges(80), flow('192.0.2.1:1 -> 10.0.0.1:80', 17), false);
test(
  'any port of the protocol',
  matches,
  { ports: [{ kind: 'any', protocol: 'UDP' }] },
  flow('192.0.2.1:1 -> 10.0.0.1:9', 17),
  true,
);
test('no ports are no packet', matches, { ports: [] }, fromOffice, false);
test(
  'a protocol without ports, where ports are asked for',
  matches,
  ranges(0, 65_535),
  flow('192.0.2.1:1 -> 10.0.0.1:1', 1),
  false,
);
const named = { ports: [{ kind: 'named', ports: 'http' }] } as const;
test('a named port', matches, named, flow('192.0.2.1:1 -> 10.0.0.1:8080'), true);
test('another port than the named one', matches, named, fromOffice, false);
test('the named port of another protocol', matches, named, flow('192.0.2.1:1 -> 10.0.0.1:8080', 17), false);

test('a flow has to get past both edges, and a pod that is in no plan has none', (t) => {
  const state = stateOf(
    isolation({ rules: [rule(office)] }),
    isolation({ key: 'out', direction: 'egress', rules: [rule(ranges(443))] }),
  );
  t.true(isFlowAllowed(state, fromOffice));
  t.false(isFlowAllowed(state, flow('198.51.100.1:1 -> 10.0.0.1:80')));
  t.true(isFlowAllowed(state, flow('10.0.0.1:1 -> 198.51.100.1:443')));
  t.false(isFlowAllowed(state, flow('10.0.0.1:1 -> 198.51.100.1:80')));
  t.true(isFlowAllowed(state, flow('198.51.100.1:1 -> 198.51.100.2:80')));
});

test('a pod reaches itself at each of its addresses', (t) => {
  const state = stateOf(isolation({}), isolation({ key: 'out', direction: 'egress' }));
  t.true(isFlowAllowed(state, flow('10.0.0.1:1 -> 10.0.0.1:80')));
  t.true(isSegmentAllowed(state, flow('10.0.0.1:1 -> 10.0.0.1:80')));
});

const question = flow('192.0.2.1:40000 -> 10.0.0.1:80');
const answer = flow('10.0.0.1:80 -> 192.0.2.1:40000');
const ingress = isolation({ rules: [rule({ ...office, ...ranges(80) })] });
const closedEgress = isolation({ key: 'out', direction: 'egress' });

const open = isolation({ key: 'out', direction: 'egress', isolatedBy: [] });

test('a segment passes if the direction that it takes, or the other one where that isolates, allows it', (t) => {
  for (const state of [stateOf(ingress), stateOf(ingress, open), stateOf(ingress, closedEgress)]) {
    t.true(isSegmentAllowed(state, question));
    t.true(isSegmentAllowed(state, answer));
    // As answers from port 8443 would be.
    t.false(isSegmentAllowed(state, flow('10.0.0.1:8443 -> 192.0.2.1:40000')));
  }
});

test('that nothing denies what a pod sends does not let segments get to it', (t) => {
  for (const state of [stateOf(isolation({})), stateOf(isolation({}), open)]) {
    t.true(isFlowAllowed(state, answer));
    t.false(isSegmentAllowed(state, answer));
    t.false(isSegmentAllowed(state, question));
  }
});

test('a rule that allows one end to begin lets its segments pass, whatever is denied the other', (t) => {
  const egress = isolation({ key: 'out', direction: 'egress', rules: [rule(office)] });
  const state = stateOf(isolation({}), egress);
  t.true(isSegmentAllowed(state, answer));
  t.true(isSegmentAllowed(state, question));
  t.false(isFlowAllowed(state, question));
});

test('segments that nothing denies either way pass', (t) => {
  t.true(isSegmentAllowed(stateOf(undefined), question));
  t.true(isSegmentAllowed(stateOf(isolation({ isolatedBy: [] }), open), answer));
});
