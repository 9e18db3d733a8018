import test from 'ava';
import { encodePod } from '../../src/directory/pod-codec.ts';
import { PodIndex } from '../../src/directory/pod-index.ts';
import { PodSet } from '../../src/directory/pod-set.ts';
import type { DirectoryPod } from '../../src/directory/directory-pod.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress, parseIpAddress, type IpAddress } from '../../src/wire/address.ts';
import { identityOf } from '../support/announcements.ts';
import { podOf, somePodsOf } from '../support/directories.ts';

const seed = Number(process.env['SEED'] ?? 1);

/** An index over these pods; node N has 10.200.N.0/24 and so on, unless `owners` says otherwise. */
class Known {
  readonly sets = new Map<string, PodSet>();
  /** By second octet of three, who has addresses instead of the node with that number. */
  readonly owners = new Map<number, number>();
  readonly gone = new Set<number>();
  readonly index = new PodIndex({
    setOf: (identity) => this.sets.get(identity),
    ownerOf: (address) => this.#ownerOf(address),
    mayHave: (identity, address) => this.#ownerOf(address) === identity,
    isReachable: (identity) => ![...this.gone].some((number) => identityOf(number) === identity),
  });

  put(number: number, pods: readonly DirectoryPod[]): void {
    this.sets.set(identityOf(number), PodSet.of(pods.map(encodePod)));
    this.index.update([identityOf(number)]);
  }

  #ownerOf({ bytes }: IpAddress): string | undefined {
    const number = bytes[2]!;
    return number === 0 ? undefined : identityOf(this.owners.get(number) ?? number);
  }
}

const address = (text: string): IpAddress => parseIpAddress(text)!;

test('a pod is found by its name, its namespace and its addresses', (t) => {
  const known = new Known();
  known.put(1, [podOf(1, 'web'), podOf(1, 'db', 3)]);
  known.put(2, [podOf(2, 'web'), podOf(2, 'web', 4, { namespace: 'shop' })]);
  const owners = (name: string, namespace: string): string[] =>
    known.index
      .named(name, namespace)
      .map(({ owner }) => owner)
      .sort();
  t.deepEqual(owners('web', 'default'), [identityOf(1), identityOf(2)]);
  t.deepEqual(owners('web', 'shop'), [identityOf(2)]);
  t.deepEqual(owners('nobody', 'default'), []);
  t.like(known.index.at(address('10.200.1.3')), { name: 'db', owner: identityOf(1) });
  t.is(known.index.at(address('10.200.1.9')), undefined);
  t.is(known.index.of(identityOf(2)).length, 2);
});

test('a node that claims the address of another for its pod is not believed', (t) => {
  const known = new Known();
  const stolen = [address('10.200.1.2'), address('10.200.2.7')];
  known.put(1, [podOf(1, 'web')]);
  known.put(2, [podOf(2, 'evil', 7, { addresses: stolen })]);
  t.is(known.index.at(address('10.200.1.2'))?.name, 'web');
  t.deepEqual(known.index.named('evil', 'default')[0]!.addresses.map(formatIpAddress), ['10.200.2.7']);
  t.deepEqual(known.index.of(identityOf(2))[0]!.addresses.map(formatIpAddress), ['10.200.2.7']);
  known.put(1, []);
  t.is(known.index.at(address('10.200.1.2')), undefined);
});

test('an address that no route leads to is nobody’s', (t) => {
  const known = new Known();
  known.put(1, [podOf(1, 'web', 2, { addresses: [address('10.200.0.2')] })]);
  t.is(known.index.at(address('10.200.0.2')), undefined);
});

test('when a prefix gets another owner, its pods are found and those of the former are not', (t) => {
  const known = new Known();
  known.put(1, [podOf(1, 'old')]);
  known.put(2, [podOf(1, 'new')]);
  known.owners.set(1, 2);
  t.is(known.index.at(address('10.200.1.2'))?.name, 'new');
});

test('pods of nodes that are gone have no names, and one that lost its name has its address', (t) => {
  const known = new Known();
  known.put(1, [podOf(1, 'web', 2, { isSuperseded: true }), podOf(1, 'web', 3)]);
  t.deepEqual(
    known.index.named('web', 'default').flatMap(({ addresses }) => addresses.map(formatIpAddress)),
    ['10.200.1.3'],
  );
  t.like(known.index.at(address('10.200.1.2')), { name: 'web', isSuperseded: true });
  known.gone.add(1);
  t.deepEqual(known.index.named('web', 'default'), []);
});

test(`after any changes the index finds what is there, and nothing else (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const known = new Known();
  const there = new Map<number, readonly DirectoryPod[]>();
  for (let round = 0; round < 200; round++) {
    const number = 1 + random.below(6);
    const pods = random.happens(0.1) ? [] : somePodsOf(number, 20).filter(() => random.happens(0.5));
    there.set(number, pods);
    known.put(number, pods);
  }
  for (let number = 1; number <= 6; number++) {
    for (const { name, addresses } of somePodsOf(number, 20)) {
      const isThere = there.get(number)!.some((pod) => pod.name === name);
      t.is(known.index.at(addresses[0]!)?.name, isThere ? name : undefined);
      t.is(
        known.index.named(name, 'default').some(({ owner }) => owner === identityOf(number)),
        isThere,
      );
    }
  }
  for (let number = 1; number <= 6; number++) known.put(number, []);
  t.deepEqual([...known.index.owners()], []);
});
