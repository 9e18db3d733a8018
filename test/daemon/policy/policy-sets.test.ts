import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { PolicyPieces } from '../../../src/daemon/policy/policy-pieces.ts';
import { peerSetNames, peerSets, portSetNames, portSets } from '../../../src/daemon/policy/policy-sets.ts';
import type { NftTableContent } from '../../../src/linux/nft-table-content.ts';
import type { NodePlan, PeerSet } from '../../../src/policy/node-plan.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { type IpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix, type Prefix } from '../../../src/wire/prefix.ts';

const address = (text: string) => parseIpAddress(text)!;

const named = test.macro<[string]>({
  exec: (t, prefixes) => {
    const peers: PeerSet = { key: 'a', prefixes: prefixes.split(' ').flatMap((text) => parsePrefix(text) ?? []) };
    t.deepEqual(
      peerSetNames(peers),
      peerSets(peers).map(({ name, family }) => ({ name, family })),
    );
    const elements = peers.prefixes.map((one) => ({ address: one.address, protocol: 'TCP', port: 80 }) as const);
    t.deepEqual(
      portSetNames({ key: 'a', elements }),
      portSets({ key: 'a', elements }).map(({ name, family }) => ({ name, family })),
    );
  },
  title: (_name, prefixes) => `names of sets are those of the sets that are made of "${prefixes}"`,
});

test(named, '');
test(named, '10.0.0.1/32');
test(named, '10.0.0.0/24');
test(named, '2001:db8::1/128 10.0.0.1/32');
test(named, '2001:db8::/64 2001:db8:1::/128');
test(named, '10.0.0.0/8 10.0.0.1/32 2001:db8::/64 2001:db8:1::/128');

/** An address that knows how often somebody looked at its bytes, and not only at how many there are. */
class ReadAddress implements IpAddress {
  readonly family = 4;
  reads = 0;
  readonly bytes = new Proxy(address('10.0.0.1').bytes, {
    get: (bytes, name): unknown => {
      if (name !== 'length') this.reads++;
      const value: unknown = Reflect.get(bytes, name, bytes);
      return typeof value === 'function' ? (value.bind(bytes) as unknown) : value;
    },
  });
}

/** Sets with one address. */
function setsOf(address: IpAddress): Pick<NodePlan, 'peerSets' | 'portSets'> {
  const prefix: Prefix = { address, lengthBits: 32 };
  return {
    peerSets: [{ key: 'peers', prefixes: [prefix] }],
    portSets: [{ key: 'ports', elements: [{ address, protocol: 'TCP', port: 80 }] }],
  };
}

test('addresses of a set that changes are put into words once, whoever asks it', (t) => {
  const once = new ReadAddress();
  peerSets(setsOf(once).peerSets[0]!);
  portSets(setsOf(once).portSets[0]!);
  const rules = ['a', 'b', 'c'].map((name) => {
    const ports = [{ kind: 'named', ports: 'ports' } as const];
    return { tier: 'namespace', name, action: 'allow', isAudit: false, peers: 'peers', ports } as const;
  });
  const isolation = { key: 'in', direction: 'ingress', rules, isolatedBy: ['a'], isAudit: false } as const;
  const seen = new ReadAddress();
  const pieces = new PolicyPieces({ withLog: true }, new Map());
  pieces.update([{ kind: 'plan', plan: { pods: [], isolations: [isolation], ...setsOf(seen) } }]);
  t.is(seen.reads, once.reads);
  t.true(seen.reads > 0);
});

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** The table after a plan, and the same after another one that was changed to it. */
function contents(before: Pick<NodePlan, 'peerSets' | 'portSets'>, after: typeof before): NftTableContent[] {
  const [changed, anew] = [before, after].map((sets) => {
    const pieces = new PolicyPieces({ withLog: true }, new Map());
    pieces.update([{ kind: 'plan', plan: { pods: [], isolations: [], ...sets } }]);
    return pieces;
  });
  changed!.update([{ kind: 'plan', plan: { pods: [], isolations: [], ...after } }]);
  return [changed!.content(), anew!.content()];
}

test(`sets that change are what they would be, had they been made anew (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const all = ['10.0.0.1/32', '10.0.0.2/32', '10.1.0.0/16', '2001:db8::1/128', '2001:db8:1::/64'];
  const setsOfSome = (): Pick<NodePlan, 'peerSets' | 'portSets'> => {
    const prefixes = all.filter(() => random.below(2) === 0).flatMap((text) => parsePrefix(text) ?? []);
    const elements = prefixes.map((one) => ({ address: one.address, protocol: 'UDP', port: 53 }) as const);
    return { peerSets: [{ key: 'a', prefixes }], portSets: [{ key: 'a', elements }] };
  };
  for (let round = 0; round < 200; round++) {
    const [changed, anew] = contents(setsOfSome(), setsOfSome());
    // Whatever the order of elements.
    t.true(isDeepStrictEqual(changed!.sets, anew!.sets));
  }
});
