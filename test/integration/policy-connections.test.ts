/** Connections under network policies: a change that still allows them leaves them alone, and one that does not cuts them, from either end. */
import anyTest, { type ExecutionContext } from 'ava';
import { CUT_TAG, tagOfIsolation } from '../../src/daemon/policy/policy-names.ts';
import { PolicyEnforcement } from '../../src/daemon/policy/policy-enforcement.ts';
import { runCommand } from '../../src/linux/command.ts';
import { readCounters } from '../../src/linux/nft-netlink.ts';
import { nftTransaction, POLICY_TABLE } from '../../src/linux/nftables.ts';
import type { IsolationPlan, NodePlan, PeerSet, PlannedRule } from '../../src/policy/node-plan.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { type PolicyPlace, PolicyRouter, type Talker } from '../support/policy-router.ts';
import { planChange } from '../support/random-plan.ts';
import { until } from '../support/until.ts';

const test = anyTest.serial;

const NOBODY: NodePlan = { pods: [], isolations: [], peerSets: [], portSets: [] };

let router: PolicyRouter;

test.before(async () => {
  router = await PolicyRouter.up(`weftcon${process.pid}`);
});

test.after.always(async () => router?.down());

/** Who may reach pod b, and whom it may reach: names of sets of {@link peers}; `undefined`: it is not isolated. */
interface Allowed {
  readonly ingress?: readonly string[];
  readonly egress?: readonly string[];
}

const peers: readonly PeerSet[] = [
  { key: 'a', prefixes: ['10.244.1.10/32', 'fd00:1::a/128'].map((text) => parsePrefix(text)!) },
  { key: 'all of a', prefixes: ['10.244.1.8/30', 'fd00:1::8/126'].map((text) => parsePrefix(text)!) },
  { key: 'c', prefixes: ['10.244.1.12/32', 'fd00:1::c/128'].map((text) => parsePrefix(text)!) },
];

function planOf({ ingress, egress }: Allowed): NodePlan {
  const isolations = [isolationOf('ingress', ingress), isolationOf('egress', egress)].filter(
    (one) => one !== undefined,
  );
  const pod = {
    pod: 'default/b',
    addresses: router.places.get('b')!.addresses,
    ingress: ingress && 'ingress default/b',
    egress: egress && 'egress default/b',
  };
  return { pods: [pod], isolations, peerSets: peers, portSets: [] };
}

function isolationOf(
  direction: 'ingress' | 'egress',
  allowed: readonly string[] | undefined,
): IsolationPlan | undefined {
  return (
    allowed && {
      key: `${direction} default/b`,
      direction,
      isolatedBy: ['default/b'],
      isAudit: false,
      rules: allowed.map((key, index): PlannedRule => ({
        tier: 'namespace',
        name: `default/b ${direction}[${index}]`,
        action: 'allow',
        isAudit: false,
        peers: key,
        ports: direction === 'egress' ? undefined : ports,
      })),
    }
  );
}

const ports = [
  { kind: 'range', protocol: 'TCP', first: 8_080, last: 8_080 },
  { kind: 'range', protocol: 'UDP', first: 5_353, last: 5_353 },
] as const;

/** A policy of pod b that changes. */
class ChangingPolicy {
  readonly enforcement = new PolicyEnforcement();
  #plan = NOBODY;

  static async of(t: ExecutionContext, allowed: Allowed): Promise<ChangingPolicy> {
    const policy = new ChangingPolicy();
    t.teardown(async () => policy.enforcement.clear());
    for (const { name, device } of router.places.values()) await policy.enforcement.prepare(`default/${name}`, device);
    policy.#plan = planOf(allowed);
    await policy.enforcement.apply(policy.#plan);
    return policy;
  }

  async allow(allowed: Allowed): Promise<void> {
    const plan = planOf(allowed);
    await this.enforcement.change(planChange(this.#plan, plan));
    this.#plan = plan;
    await this.enforcement.settled();
  }
}

function countOf(tag: string): number {
  return readCounters(POLICY_TABLE)?.get(tag) ?? 0;
}

/** Does something, and waits until something more is dropped under this tag. */
async function isDropped(tag: string, act: () => void): Promise<void> {
  const before = countOf(tag);
  act();
  await until(`${tag} counts more`, () => countOf(tag) > before);
}

interface Talk {
  readonly client: Talker;
  readonly server: Talker;
}

/** Pod a is connected to pod b. */
async function connected(t: ExecutionContext, address: string): Promise<Talk> {
  const talk = { client: router.talker('a'), server: router.talker('b') };
  t.teardown(async () => {
    await talk.client.end();
    await talk.server.end();
  });
  talk.server.tell('listen 8080');
  await talk.server.says('listening');
  talk.client.tell(`connect ${address} 8080`);
  await talk.client.says('connected');
  await talk.server.says('accepted');
  await bothTalk(talk, 'first');
  return talk;
}

/** Each word is said once: what is heard together is one line. */
async function bothTalk({ client, server }: Talk, word: string): Promise<void> {
  client.tell(`say ${word}-question`);
  await server.says(`heard ${word}-question`);
  server.tell(`say ${word}-answer`);
  await client.says(`heard ${word}-answer`);
}

async function forgetConnections(): Promise<void> {
  await runCommand(['conntrack', '-F'], { purpose: 'forget all connections' });
}

for (const address of ['10.244.1.11', 'fd00:1::b']) {
  for (const [how, both] of [
    ['ingress', {}],
    ['both directions', { egress: ['a'] }],
  ] as const) {
    test(`a connection to ${address}, isolated in ${how}, goes on as long as it is allowed, and is cut when it is not`, async (t) => {
      const policy = await ChangingPolicy.of(t, { ingress: ['a'], ...both });
      const talk = await connected(t, address);
      await policy.allow({ ingress: ['c', 'all of a'], ...both });
      await bothTalk(talk, 'allowed');
      t.is(countOf(CUT_TAG), 0);

      await policy.allow({ ingress: ['c'], ...both });
      await isDropped(CUT_TAG, () => talk.client.tell('say cut-question'));
      await isDropped(CUT_TAG, () => talk.server.tell('say cut-answer'));
      t.false(talk.server.hasSaid('heard cut-question'));
      t.false(talk.client.hasSaid('heard cut-answer'));

      // What is allowed again goes on: both ends still try.
      await policy.allow({ ingress: ['a'], ...both });
      await talk.server.says('heard cut-question');
      await talk.client.says('heard cut-answer');
    });
  }

  test(`of a connection to ${address} that the kernel forgot, either end goes on as long as it is allowed`, async (t) => {
    const policy = await ChangingPolicy.of(t, { ingress: ['a'], egress: ['c'] });
    const { client, server } = await connected(t, address);
    await forgetConnections();
    client.tell('say forgotten-question');
    await server.says('heard forgotten-question');
    await forgetConnections();
    server.tell('say forgotten-answer');
    await client.says('heard forgotten-answer');
    // The kernel takes pod b for the one who began it now, which it may not.
    await policy.allow({ ingress: ['c', 'all of a'], egress: ['c'] });
    t.is(countOf(CUT_TAG), 0);
    await bothTalk({ client, server }, 'reversed');

    await policy.allow({ ingress: ['c'], egress: ['c'] });
    await forgetConnections();
    const denied = tagOfIsolation({ key: 'ingress default/b' });
    const deniedBack = tagOfIsolation({ key: 'egress default/b' });
    await isDropped(deniedBack, () => client.tell('say denied-question'));
    await isDropped(denied, () => server.tell('say denied-answer'));
    t.false(server.hasSaid('heard denied-question'));
    t.false(client.hasSaid('heard denied-answer'));
  });
}

test('the end that is isolated for what comes in does not begin anew what the kernel forgot', async (t) => {
  const policy = await ChangingPolicy.of(t, { ingress: ['a'] });
  const { client, server } = await connected(t, '10.244.1.11');
  await policy.allow({ ingress: ['c'] });
  await forgetConnections();
  const tag = tagOfIsolation({ key: 'ingress default/b' });
  await isDropped(tag, () => server.tell('say pushed'));
  await isDropped(tag, () => client.tell('say pulled'));
  t.false(client.hasSaid('heard pushed'));
  t.false(server.hasSaid('heard pulled'));
});

test('datagrams that answer are cut with those that they answer', async (t) => {
  const policy = await ChangingPolicy.of(t, { ingress: ['a'] });
  const [client, server] = [router.talker('a'), router.talker('b')];
  t.teardown(async () => {
    await client.end();
    await server.end();
  });
  client.tell('bind 40000');
  server.tell('bind 5353');
  await client.says('bound');
  await server.says('bound');
  client.tell('send ::ffff:10.244.1.11 5353 question');
  await server.says('received question');
  server.tell('send ::ffff:10.244.1.10 40000 answer');
  await client.says('received answer');
  await policy.allow({ ingress: ['c'] });
  await isDropped(CUT_TAG, () => server.tell('send ::ffff:10.244.1.10 40000 pushed'));
  await isDropped(CUT_TAG, () => client.tell('send ::ffff:10.244.1.11 5353 asked'));
  t.false(client.hasSaid('received pushed'));
  t.false(server.hasSaid('received asked'));
});

test('datagrams that nobody answers go on as long as they are allowed, and are denied when they are not', async (t) => {
  const policy = await ChangingPolicy.of(t, { ingress: ['a'] });
  const [client, server] = [router.talker('a'), router.talker('b')];
  t.teardown(async () => {
    await client.end();
    await server.end();
  });
  client.tell('bind 40001');
  server.tell('bind 5353');
  await client.says('bound');
  await server.says('bound');
  const ask = (word: string): void => client.tell(`send ::ffff:10.244.1.11 5353 ${word}`);
  for (const word of ['first', 'second']) {
    ask(word);
    await server.says(`received ${word}`);
  }
  await policy.allow({ ingress: ['c'] });
  await isDropped(tagOfIsolation({ key: 'ingress default/b' }), () => ask('denied'));
  t.false(server.hasSaid('received denied'));
  await policy.allow({ ingress: ['a'] });
  ask('third');
  await server.says('received third');
});

/** Addresses of services that stand for pod b. */
async function serve(t: ExecutionContext): Promise<void> {
  await nftTransaction(
    [
      'table ip services {\nchain translate { type nat hook prerouting priority dstnat; }\n}',
      'add rule ip services translate ip daddr 10.96.0.1 tcp dport 8080 dnat to 10.244.1.11',
      'add rule ip services translate ip daddr 10.96.0.2 dnat to 10.244.1.11',
    ],
    'make services',
  );
  t.teardown(async () => nftTransaction(['delete table ip services'], 'remove services'));
}

test('a connection through the address of a service is that of the pod behind it', async (t) => {
  const policy = await ChangingPolicy.of(t, { ingress: ['a'] });
  await serve(t);
  const talk = await connected(t, '10.96.0.1');
  await policy.allow({ ingress: ['c'] });
  await isDropped(CUT_TAG, () => talk.server.tell('say cut-answer'));
  t.false(talk.client.hasSaid('heard cut-answer'));
});

test('a pod always reaches itself, also through a service', async (t) => {
  const policy = await ChangingPolicy.of(t, { ingress: ['a'], egress: ['c'] });
  await serve(t);
  const [from, other] = ['b', 'a'].map((name) => router.places.get(name)!) as [PolicyPlace, PolicyPlace];
  const probe = { from, source: from.addresses[0]!, kind: 'tcp', sourcePort: 20_000, destinationPort: 80 } as const;
  const through = { ...probe, destination: parseIpAddress('10.96.0.2')! };
  t.deepEqual(await router.volley([through, { ...probe, destination: other.addresses[0]! }]), [true, false]);
  t.deepEqual(policy.enforcement.notices(), []);
});

test('a pod is open until its device is known, and again when that is gone', async (t) => {
  const enforcement = new PolicyEnforcement();
  t.teardown(async () => enforcement.clear());
  const [a, b] = ['a', 'b'].map((name) => router.places.get(name)!) as [PolicyPlace, PolicyPlace];
  let sourcePort = 21_000;
  const isOpen = async (): Promise<boolean> => {
    const [source, destination] = [a.addresses[0]!, b.addresses[0]!];
    const kind = 'tcp';
    const probe = { from: a, source, destination, kind, sourcePort: sourcePort++, destinationPort: 80 } as const;
    return (await router.volley([probe]))[0]!;
  };
  await enforcement.apply(planOf({ ingress: [] }));
  t.true(await isOpen());
  await enforcement.prepare('default/b', b.device);
  t.false(await isOpen());
  await enforcement.release('default/b');
  t.true(await isOpen());
});

test('a pod of which nothing is known is isolated until it is, also while there is no plan', async (t) => {
  const [a, b] = ['a', 'b'].map((name) => router.places.get(name)!) as [PolicyPlace, PolicyPlace];
  let sourcePort = 23_000;
  const isOpen = async (from: PolicyPlace, to: PolicyPlace): Promise<boolean> => {
    const ends = { from, source: from.addresses[0]!, destination: to.addresses[0]! };
    return (await router.volley([{ ...ends, kind: 'udp', sourcePort: sourcePort++, destinationPort: 80 }]))[0]!;
  };
  const bothWays = async (): Promise<boolean[]> => [await isOpen(a, b), await isOpen(b, a)];
  const first = new PolicyEnforcement();
  t.teardown(async () => first.clear());
  await first.hold('default/b', b.device);
  t.deepEqual(await bothWays(), [false, false]);
  await first.apply(NOBODY);
  t.deepEqual(await bothWays(), [false, false]);
  await first.prepare('default/b', b.device);
  t.deepEqual(await bothWays(), [true, true]);
  await first.apply(planOf({ ingress: ['a'], egress: ['a'] }));

  // The next daemon, which does not know policies yet: the rules of the one before stay for pods that were there.
  const second = new PolicyEnforcement();
  await second.hold('default/a', a.device);
  await second.hold('default/b', b.device);
  t.deepEqual(await bothWays(), [false, false]);
  await second.prepare('default/a', a.device);
  await second.prepare('default/b', b.device);
  await second.apply(planOf({ ingress: ['a'], egress: ['c'] }));
  t.deepEqual(await bothWays(), [false, false]);
  const udp = { from: a, source: a.addresses[0]!, destination: b.addresses[0]!, kind: 'udp' } as const;
  t.deepEqual(await router.volley([{ ...udp, sourcePort: sourcePort++, destinationPort: 5_353 }]), [true]);
});

test('what a daemon leaves is enforced, and taken over by the next with its counts', async (t) => {
  const first = await ChangingPolicy.of(t, { ingress: ['a'] });
  const [c, b] = ['c', 'b'].map((name) => router.places.get(name)!) as [PolicyPlace, PolicyPlace];
  const tag = tagOfIsolation({ key: 'ingress default/b' });
  const ends = { from: c, source: c.addresses[0]!, destination: b.addresses[0]! };
  const probe = { ...ends, kind: 'tcp', sourcePort: 22_000, destinationPort: 80 } as const;
  t.deepEqual(await router.volley([probe]), [false]);
  const second = new PolicyEnforcement();
  for (const { name, device } of router.places.values()) await second.prepare(`default/${name}`, device);
  t.deepEqual(await router.volley([probe]), [false]);
  t.is(countOf(tag), 2);
  // Of the same layout, and of another.
  await second.apply(planOf({ ingress: ['a'] }));
  t.is(countOf(tag), 2);
  const third = new PolicyEnforcement();
  for (const { name, device } of router.places.values()) await third.prepare(`default/${name}`, device);
  await third.apply(planOf({ ingress: ['a', 'c'], egress: ['a'] }));
  t.is(countOf(tag), 2);
  t.deepEqual((await third.inspect()).findings, []);
  await nftTransaction([`flush chain inet weft-policy forward`], 'do harm');
  t.deepEqual(
    (await third.inspect()).findings.map(({ problem }) => problem),
    ['wrong'],
  );
  await third.repair();
  t.deepEqual((await third.inspect()).findings, []);
  t.is(countOf(tag), 2);
  await first.enforcement.clear();
  t.is(readCounters(POLICY_TABLE), undefined);
});
