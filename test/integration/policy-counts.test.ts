/** What rules of policies count in the kernel: connections, each once, by the first rule that matches. */
import anyTest, { type ExecutionContext } from 'ava';
import { TOLD_BYTES } from '../../src/daemon/policy/policy-chains.ts';
import { POLICY_LOG_GROUP, tagOfIsolation, tagOfRule } from '../../src/daemon/policy/policy-names.ts';
import { PolicyEnforcement } from '../../src/daemon/policy/policy-enforcement.ts';
import { PacketLogSocket } from '../../src/linux/packet-log-socket.ts';
import { readCounters } from '../../src/linux/nft-netlink.ts';
import { POLICY_TABLE } from '../../src/linux/nftables.ts';
import type { IsolationPlan, NodePlan, PlannedRule } from '../../src/policy/node-plan.ts';
import { readFlow } from '../../src/explain/packet-flow.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { MAX_VOLLEY, type PolicyProbe, PolicyRouter } from '../support/policy-router.ts';
import { planChange } from '../support/random-plan.ts';

const test = anyTest.serial;

const CONNECTIONS = 4;

let router: PolicyRouter;

test.before(async () => {
  router = await PolicyRouter.up(`weftcnt${process.pid}`);
});

test.after.always(async () => router?.down());

function rule(name: string, rest: Partial<PlannedRule> = {}): PlannedRule {
  return { tier: 'namespace', name, action: 'allow', isAudit: false, peers: undefined, ports: undefined, ...rest };
}

/** Pod b is isolated, and these rules are asked. */
function planOf(...rules: readonly PlannedRule[]): NodePlan {
  const isolation: IsolationPlan = {
    key: 'in b',
    direction: 'ingress',
    rules,
    isolatedBy: ['default/b'],
    isAudit: false,
  };
  const { addresses } = router.places.get('b')!;
  return {
    pods: [{ pod: 'default/b', addresses, ingress: isolation.key, egress: undefined }],
    isolations: [isolation],
    peerSets: [{ key: 'a', prefixes: ['10.244.1.10/32', 'fd00:1::a/128'].map((text) => parsePrefix(text)!) }],
    portSets: [],
  };
}

async function enforced(t: ExecutionContext, plan: NodePlan): Promise<PolicyEnforcement> {
  const enforcement = new PolicyEnforcement();
  t.teardown(async () => enforcement.clear());
  for (const { name, device } of router.places.values()) await enforcement.prepare(`default/${name}`, device);
  await enforcement.apply(plan);
  return enforcement;
}

function countOf(name: string): number {
  return readCounters(POLICY_TABLE)!.get(tagOfRule({ name }))!;
}

function probe(rest: Partial<Omit<PolicyProbe, 'from' | 'source'>> & { readonly from?: string }): PolicyProbe {
  const from = router.places.get(rest.from ?? 'a')!;
  const destination = parseIpAddress('10.244.1.11')!;
  return {
    kind: 'tcp',
    sourcePort: 40_000,
    destinationPort: 8_080,
    destination,
    ...rest,
    from,
    source: from.addresses[0]!,
  };
}

test('a connection counts once, whatever passes over it', async (t) => {
  await enforced(t, planOf(rule('first', { peers: 'a' }), rule('second')));
  const server = router.talker('b');
  t.teardown(async () => server.end());
  server.tell('listen 8080');
  await server.says('listening');
  for (let count = 1; count <= CONNECTIONS; count++) {
    const client = router.talker('a');
    const address = count % 2 === 0 ? '10.244.1.11' : 'fd00:1::b';
    client.tell(`connect ${address} 8080`);
    await client.says('connected');
    for (const word of ['one', 'two', 'three']) {
      client.tell(`say ${word}-${count}`);
      await server.says(`heard ${word}-${count}`);
    }
    await client.end();
  }
  t.is(countOf('first'), CONNECTIONS);
  t.is(countOf('second'), 0, 'the first rule that matches counts, and no other');
});

test('datagrams that nobody answers are one connection, and those from another port are another', async (t) => {
  await enforced(t, planOf(rule('all')));
  await router.answer(false);
  t.teardown(async () => router.answer(true));
  const datagram = probe({ kind: 'udp', destinationPort: 514 });
  for (let sent = 0; sent < 3; sent++) t.deepEqual(await router.volley([datagram, datagram]), [true, true]);
  t.is(countOf('all'), 1);
  await router.volley([{ ...datagram, sourcePort: 40_001 }]);
  t.is(countOf('all'), 2);
});

test('what is passed on counts where it is passed, and where it is allowed', async (t) => {
  const pass = rule('guard', { tier: 'admin', action: 'pass', peers: 'a' });
  await enforced(t, planOf(pass, rule('web')));
  await router.answer(false);
  t.teardown(async () => router.answer(true));
  const again = probe({ sourcePort: 40_010 });
  for (const one of [again, again, probe({ sourcePort: 40_011 }), probe({ from: 'c', sourcePort: 40_012 })])
    t.deepEqual(await router.volley([one]), [true]);
  t.is(countOf('guard'), 2);
  t.is(countOf('web'), 3);
});

test('an answer of what the kernel does not know is no connection', async (t) => {
  await enforced(t, planOf(rule('web', { peers: 'a' })));
  await router.answer(false);
  t.teardown(async () => router.answer(true));
  const answer = { ...probe({ from: 'b', kind: 'segment', sourcePort: 8_080, destinationPort: 40_020 }) };
  t.deepEqual(await router.volley([{ ...answer, destination: parseIpAddress('10.244.1.10')! }]), [true]);
  t.is(countOf('web'), 0);
});

test('what is denied counts each packet, and for no rule that allows', async (t) => {
  const plan = planOf(rule('web', { peers: 'a' }));
  await enforced(t, plan);
  const denied = probe({ from: 'c', sourcePort: 40_030 });
  t.deepEqual(await router.volley([denied, denied]), [false, false]);
  t.is(readCounters(POLICY_TABLE)!.get(tagOfIsolation(plan.isolations[0]!)), 2);
  t.is(countOf('web'), 0);
});

test('a source that sends without end what is denied leaves room for what is denied to others', async (t) => {
  await enforced(t, planOf(rule('web', { peers: 'nobody' })));
  const socket = new PacketLogSocket({ group: POLICY_LOG_GROUP, copiedBytes: TOLD_BYTES, delayMs: 0 });
  t.teardown(() => socket.close());
  const flood = Array.from({ length: 500 }, () => probe({ from: 'c' }));
  await router.volley([...flood, probe({ sourcePort: 40_050 }), ...flood]);
  const told = socket.read(MAX_VOLLEY).packets.map(({ packet }) => readFlow(packet)?.sourcePort);
  t.true(told.includes(40_050), `${told.length} are told`);
  t.true(told.length < flood.length, `${told.length} are told`);
});

test('counts go on when another rule changes', async (t) => {
  const before = planOf(rule('web', { peers: 'a' }));
  const enforcement = await enforced(t, before);
  await router.answer(false);
  t.teardown(async () => router.answer(true));
  await router.volley([probe({ sourcePort: 40_040 })]);
  await enforcement.change(
    planChange(before, planOf(rule('other', { peers: 'a', ports: [] }), rule('web', { peers: 'a' }))),
  );
  await router.volley([probe({ sourcePort: 40_041 })]);
  t.is(countOf('web'), 2);
});
