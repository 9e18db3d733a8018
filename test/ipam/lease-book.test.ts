import test from 'ava';
import { ConfigError, ConflictError, ExhaustedError, WeftError } from '../../src/errors.ts';
import { LeaseBook } from '../../src/ipam/lease-book.ts';
import type { Lease } from '../../src/ipam/lease.ts';
import { formatIpAddress, parseIpAddress, type IpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

/** A book, and a clock that stands still unless it is set. */
function bookOf(...prefixes: string[]): TestBook {
  return new TestBook(prefixes);
}

class TestBook {
  nowMs = 1_000_000;
  readonly book: LeaseBook;

  constructor(prefixes: readonly string[]) {
    this.book = new LeaseBook(
      prefixes.map((prefix) => parsePrefix(prefix)!),
      () => this.nowMs,
    );
  }

  /** Chooses and inserts. */
  allocate(network: string, pod: string, wanted?: readonly IpAddress[]): Lease {
    const lease = this.book.choose({ network, pod }, wanted);
    if (this.get(network, pod) === undefined) this.book.insert(lease);
    return lease;
  }

  release(network: string, pod: string): boolean {
    return this.book.release({ network, pod }, this.nowMs);
  }

  get(network: string, pod: string): Lease | undefined {
    return this.book.get({ network, pod });
  }
}

function addresses(...texts: string[]): IpAddress[] {
  return texts.map((text) => parseIpAddress(text)!);
}

function texts(lease: Lease | undefined): string[] | undefined {
  return lease?.addresses.map(formatIpAddress);
}

test('a pod gets one address of each family', (t) => {
  const book = bookOf('10.244.1.0/24', 'fd00:1::/64', '10.244.9.0/24');
  t.deepEqual(texts(book.allocate('default', 'web')), ['10.244.1.2', 'fd00:1::2']);
});

test('a pod that asks again has what it has', (t) => {
  const book = bookOf('10.244.1.0/24');
  book.allocate('default', 'web');
  t.is(book.get('default', 'web'), book.allocate('default', 'web'));
  t.deepEqual(texts(book.allocate('default', 'web', addresses('10.244.1.2'))), ['10.244.1.2']);
  t.is(book.book.usage()[0]!.used, 1);
});

test('a pod that asks again for another address is refused', (t) => {
  const book = bookOf('10.244.1.0/24');
  book.allocate('default', 'web');
  const error = t.throws(() => book.allocate('default', 'web', addresses('10.244.1.9')), { instanceOf: ConflictError });
  t.is(error.code, 'lease-exists');
});

test('pods of the same name in two networks are two pods', (t) => {
  const book = bookOf('10.244.1.0/24');
  book.allocate('blue', 'web');
  t.deepEqual(texts(book.allocate('green', 'web')), ['10.244.1.3']);
});

test('wanted addresses are given, and those alone', (t) => {
  const book = bookOf('10.244.1.0/24', 'fd00:1::/64');
  t.deepEqual(texts(book.allocate('default', 'web', addresses('fd00:1::77'))), ['fd00:1::77']);
});

test('an address in use is refused by the name of its holder', (t) => {
  const book = bookOf('10.244.1.0/24');
  book.allocate('default', 'web');
  const error = t.throws(() => book.allocate('default', 'db', addresses('10.244.1.2')), { instanceOf: ConflictError });
  t.is(error.code, 'address-in-use');
  t.is(error.message, '10.244.1.2 is leased to pod web');
  t.deepEqual(error.details, { address: '10.244.1.2', network: 'default', pod: 'web' });
  t.is(book.get('default', 'db'), undefined);
});

for (const address of ['10.244.2.2', '10.244.1.0', '10.244.1.1', '10.244.1.255', 'fd00::2']) {
  test(`${address} is not for a pod of 10.244.1.0/24`, (t) => {
    const error = t.throws(() => bookOf('10.244.1.0/24').allocate('default', 'web', addresses(address)), {
      instanceOf: ConfigError,
    });
    t.regex(error.message, /^addresses: .* is not an address for a pod in this node's prefixes 10\.244\.1\.0\/24$/);
  });
}

test('an address that is wanted twice is refused', (t) => {
  t.throws(() => bookOf('10.244.1.0/24').allocate('default', 'web', addresses('10.244.1.5', '10.244.1.5')), {
    instanceOf: ConfigError,
  });
});

test('the second prefix of a family is used when the first is full, and then there is nothing', (t) => {
  const book = bookOf('10.0.0.0/30', '10.0.1.0/30');
  t.deepEqual(texts(book.allocate('default', 'a')), ['10.0.0.2']);
  t.deepEqual(texts(book.allocate('default', 'b')), ['10.0.1.2']);
  const error = t.throws(() => book.allocate('default', 'c'), { instanceOf: ExhaustedError });
  t.is(error.code, 'pool-exhausted');
  t.is(error.message, 'no address is left in 10.0.0.0/30, 10.0.1.0/30: all 2 are leased');
});

test('a pod gets nothing if one family has nothing left', (t) => {
  const book = bookOf('10.0.0.0/24', 'fd00::/127');
  t.throws(() => book.allocate('default', 'a'), { instanceOf: ExhaustedError });
  t.deepEqual(book.book.usage()[0]!.leases, []);
});

test('choosing changes nothing', (t) => {
  const { book } = bookOf('10.244.1.0/24');
  const key = { network: 'default', pod: 'web' };
  t.deepEqual(texts(book.choose(key)), texts(book.choose(key)));
  t.is(book.get(key), undefined);
});

test('of the free addresses, those that nobody had come first, then the one that was freed longest ago', (t) => {
  const book = bookOf('10.0.0.0/29');
  for (const pod of ['a', 'b', 'c']) book.allocate('default', pod);
  t.true(book.release('default', 'b'));
  t.false(book.release('default', 'b'));
  book.nowMs += 1;
  book.release('default', 'a');
  book.nowMs += 60_000;
  const given = ['d', 'e', 'f', 'g'].map((pod) => texts(book.allocate('default', pod))![0]);
  t.deepEqual(given, ['10.0.0.5', '10.0.0.6', '10.0.0.3', '10.0.0.2']);
});

test('a released address is given to nobody for a minute', (t) => {
  const book = bookOf('10.0.0.0/30');
  book.allocate('default', 'a');
  book.release('default', 'a');
  book.nowMs += 59_001;
  const error = t.throws(() => book.allocate('default', 'b'), { instanceOf: ExhaustedError });
  t.is(
    error.message,
    'no address is left in 10.0.0.0/30: 0 are leased, and 1 were freed within the last minute; the next can be given out in 1 s',
  );
  t.deepEqual(error.details, { prefixes: ['10.0.0.0/30'], size: 1, cooling: 1 });
  book.nowMs += 999;
  t.deepEqual(texts(book.allocate('default', 'b')), ['10.0.0.2']);
});

test('who asks for a released address by name is told when it can be had', (t) => {
  const book = bookOf('10.0.0.0/24');
  book.allocate('default', 'a');
  book.release('default', 'a');
  book.nowMs += 12_300;
  const asked = (): Lease => book.allocate('default', 'b', addresses('10.0.0.9', '10.0.0.2'));
  const error = t.throws(asked, { instanceOf: ConflictError });
  t.is(error.code, 'address-cooling');
  t.is(
    error.message,
    '10.0.0.2 was freed within the last minute, and other nodes may still treat it as an address of pod a: ' +
      'try again in 48 s, or choose another address',
  );
  t.deepEqual(error.details, { address: '10.0.0.2', pod: 'a', waitSeconds: 48 });
  t.is(book.get('default', 'b'), undefined);
  t.throws(() => book.allocate('other', 'a', addresses('10.0.0.2')), { instanceOf: ConflictError });
  book.nowMs += 47_700;
  t.deepEqual(texts(asked()), ['10.0.0.9', '10.0.0.2']);
});

test('a pod that comes back gets the address that it had by name, too, at once', (t) => {
  const book = bookOf('10.0.0.0/24');
  book.allocate('default', 'a', addresses('10.0.0.77'));
  book.release('default', 'a');
  t.deepEqual(texts(book.allocate('default', 'a', addresses('10.0.0.77'))), ['10.0.0.77']);
});

test('the next container of a pod gets what the one before it had, and one of another pod does not', (t) => {
  const { book } = bookOf('10.0.0.0/24');
  const key = { network: 'default', containerId: 'first', interface: 'eth0', title: 'shop/web' };
  book.insert(book.choose(key));
  const next = { ...key, containerId: 'second' };
  t.deepEqual(texts(book.choose(next)), ['10.0.0.3'], 'before the first one is gone');
  book.release(key, 1_000_000);
  t.deepEqual(texts(book.choose(next)), ['10.0.0.2']);
  t.deepEqual(texts(book.choose(next, addresses('10.0.0.2'))), ['10.0.0.2']);
  for (const other of [
    { ...next, title: 'shop/db' },
    { ...next, interface: 'eth1' },
    { network: 'default', containerId: 'first', interface: 'eth0' },
  ]) {
    t.deepEqual(texts(book.choose(other)), ['10.0.0.3']);
    const error = t.throws(() => book.choose(other, addresses('10.0.0.2')), { instanceOf: ConflictError });
    t.like(error.details, { pod: 'shop/web' });
  }
});

test('a pod that comes back gets the address that it had, at once, and not one that another pod has now', (t) => {
  const book = bookOf('10.0.0.0/29', 'fd00::/64');
  book.allocate('default', 'a');
  book.allocate('default', 'b');
  book.release('default', 'a');
  book.release('default', 'b');
  t.deepEqual(texts(book.allocate('default', 'b')), ['10.0.0.3', 'fd00::3']);
  book.nowMs += 60_000;
  t.deepEqual(texts(book.allocate('default', 'c', addresses('10.0.0.2'))), ['10.0.0.2']);
  t.deepEqual(texts(book.allocate('default', 'a')), ['10.0.0.4', 'fd00::2']);
});

test('a pool is counted', (t) => {
  const book = bookOf('10.0.0.0/29', 'fd00::/64');
  book.allocate('default', 'a');
  book.allocate('default', 'b');
  book.allocate('default', 'c', addresses('fd00::1:0:0:1'));
  book.release('default', 'a');
  const counts = book.book
    .usage()
    .map(({ size, used, free, cooling, leases }) => [size, used, free, cooling, leases.length]);
  t.deepEqual(counts, [
    [5, 1, 3, 1, 1],
    // An address that is only given out by name is none of those that are free.
    [2 ** 32 - 2, 2, 2 ** 32 - 4, 1, 2],
  ]);
});

test('of very many freed addresses the oldest are forgotten, and come before all others', (t) => {
  const book = bookOf('10.0.0.0/16');
  for (let pod = 0; pod < 9_000; pod++) book.allocate('default', String(pod));
  for (let pod = 0; pod < 9_000; pod++) book.release('default', String(pod));
  t.is(book.book.freed().length, 9_000, 'none of those that cool is forgotten');
  book.nowMs += 60_000;
  book.allocate('default', 'more');
  book.release('default', 'more');
  t.is(book.book.freed().length, 8_192);
  t.deepEqual(texts(book.allocate('default', 'next')), ['10.0.0.2']);
});

test('a lease outside of the prefixes of today is kept, and says so', (t) => {
  const { book } = bookOf('10.9.0.0/24');
  book.insert({ network: 'default', pod: 'a', addresses: addresses('10.0.0.2') });
  t.deepEqual(texts(book.get({ network: 'default', pod: 'a' })), ['10.0.0.2']);
  t.false(book.mayLease(parseIpAddress('10.0.0.2')!));
});

const seed = Number(process.env['SEED'] ?? 1);
test(`random operations agree with a slow twin (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  // Small enough to be full now and then: 5 + 1 addresses of IPv4, 14 of IPv6.
  const prefixes = ['10.0.0.0/29', '10.0.1.0/30', 'fd00::/124'];
  const all = { 4: [...range('10.0.0.', 2, 6), '10.0.1.2'], 6: range('fd00::', 2, 15) };
  const twin = new Map<string, string[]>();
  const freedAtMs = new Map<string, number>();
  /** By address that nobody has: who had it last. The one freed last comes last. */
  const freedBy = new Map<string, string>();
  const take = (addresses: readonly string[]): void => addresses.forEach((address) => freedBy.delete(address));
  const atOf = (address: string): number => freedAtMs.get(address) ?? -Infinity;
  const book = bookOf(...prefixes);
  for (let step = 0; step < 20_000; step++) {
    const pod = `p${random.below(9)}`;
    const held = new Set([...twin.values()].flat());
    const roll = random.below(10);
    // Seldom enough that addresses cool, often enough that they are free again.
    if (random.below(5) === 0) book.nowMs += 20_000;
    const cooling = (family: 4 | 6): string[] =>
      all[family].filter(
        (address) => !held.has(address) && book.nowMs - (freedAtMs.get(address) ?? -Infinity) < 60_000,
      );
    if (roll < 4) {
      for (const address of twin.get(pod) ?? []) {
        freedAtMs.set(address, book.nowMs);
        freedBy.set(address, pod);
      }
      t.is(book.release('default', pod), twin.delete(pod));
    } else if (roll < 8) {
      const free = ([4, 6] as const).map((family) => {
        const cool = cooling(family);
        const own = [...freedBy].filter(([address, by]) => by === pod && all[family].includes(address)).at(-1);
        if (own !== undefined) return [own[0]];
        return all[family].filter((address) => !held.has(address) && !cool.includes(address));
      });
      const isFull = free.some((addresses) => addresses.length === 0);
      const outcome = attempt(() => texts(book.allocate('default', pod))!);
      if (twin.has(pod)) t.deepEqual(outcome, twin.get(pod));
      else if (isFull) t.is(outcome, 'pool-exhausted');
      else {
        const [v4, v6] = outcome as string[];
        t.true(free[0]!.includes(v4!) && free[1]!.includes(v6!));
        // Of IPv4 the second pool is used when the first has nothing to give.
        t.true(free[1]!.every((other) => atOf(other) >= atOf(v6!)));
        twin.set(pod, outcome as string[]);
        take(outcome as string[]);
      }
    } else {
      const wanted = `10.0.0.${random.below(10)}`;
      const outcome = attempt(() => texts(book.allocate('default', pod, addresses(wanted)))!);
      const own = twin.get(pod);
      if (own !== undefined) t.deepEqual(outcome, own.length === 1 && own[0] === wanted ? own : 'lease-exists');
      else if (!all[4].includes(wanted)) t.is(outcome, 'config-invalid');
      else if (held.has(wanted)) t.is(outcome, 'address-in-use');
      else if (cooling(4).includes(wanted) && freedBy.get(wanted) !== pod) t.is(outcome, 'address-cooling');
      else {
        t.deepEqual(outcome, [wanted]);
        twin.set(pod, [wanted]);
        take([wanted]);
      }
    }
    const pods = [...Array(9).keys()].map((index) => `p${index}`);
    const found = pods.flatMap((name) => texts(book.get('default', name))?.join() ?? []);
    t.deepEqual(
      found,
      pods.flatMap((name) => twin.get(name)?.join() ?? []),
    );
  }
});

function range(start: string, from: number, to: number): string[] {
  return Array.from(
    { length: to - from + 1 },
    (_, at) => start + (start.includes(':') ? (from + at).toString(16) : from + at),
  );
}

function attempt(operation: () => string[]): string[] | string {
  try {
    return operation();
  } catch (error) {
    if (error instanceof WeftError) return error.code;
    throw error;
  }
}
