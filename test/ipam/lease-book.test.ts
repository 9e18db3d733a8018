import test from 'ava';
import { ConfigError, ConflictError, ExhaustedError, WeftError } from '../../src/errors.ts';
import { LeaseBook } from '../../src/ipam/lease-book.ts';
import type { Lease } from '../../src/ipam/lease.ts';
import { formatIpAddress, parseIpAddress, type IpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

function bookOf(...prefixes: string[]): LeaseBook {
  return new LeaseBook(prefixes.map((prefix) => parsePrefix(prefix)!));
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
  t.is(book.allocate('default', 'web'), book.allocate('default', 'web'));
  t.deepEqual(texts(book.allocate('default', 'web', addresses('10.244.1.2'))), ['10.244.1.2']);
  t.is(book.list().length, 1);
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
  t.deepEqual(book.list(), []);
});

test('a released address is not the next to be given', (t) => {
  const book = bookOf('10.0.0.0/24');
  book.allocate('default', 'a');
  t.true(book.release('default', 'a'));
  t.false(book.release('default', 'a'));
  t.deepEqual(texts(book.allocate('default', 'b')), ['10.0.0.3']);
});

test('a restored book goes on where the stored one was', (t) => {
  const before = bookOf('10.0.0.0/24', 'fd00::/64');
  before.allocate('default', 'a');
  before.allocate('default', 'b');
  before.release('default', 'a');
  const after = bookOf('10.0.0.0/24', 'fd00::/64');
  after.restore(JSON.parse(JSON.stringify(before.document())));
  t.deepEqual(after.document(), before.document());
  t.deepEqual(texts(after.allocate('default', 'c')), ['10.0.0.4', 'fd00::4']);
});

test('a lease outside of the prefixes of today is kept, and says so', (t) => {
  const before = bookOf('10.0.0.0/24');
  before.allocate('default', 'a');
  const after = bookOf('10.9.0.0/24');
  after.restore(before.document());
  t.deepEqual(texts(after.get('default', 'a')), ['10.0.0.2']);
  t.false(after.mayLease(parseIpAddress('10.0.0.2')!));
});

const lease = { network: 'default', pod: 'a', addresses: ['10.0.0.2'] };
const damaged: [string, unknown][] = [
  ['nothing', undefined],
  ['a text', 'leases'],
  ['no leases', { cursors: {} }],
  ['a lease that is none', { leases: [null], cursors: {} }],
  ['a lease without an address', { leases: [{ ...lease, addresses: [] }], cursors: {} }],
  ['an address that is none', { leases: [{ ...lease, addresses: ['10.0.0.256'] }], cursors: {} }],
  ['an address of two pods', { leases: [lease, { ...lease, pod: 'b' }], cursors: {} }],
  ['two leases of a pod', { leases: [lease, { ...lease, addresses: ['10.0.0.3'] }], cursors: {} }],
];
for (const [what, document] of damaged) {
  test(`a document with ${what} is refused, and changes nothing`, (t) => {
    const book = bookOf('10.0.0.0/24');
    book.allocate('default', 'kept');
    const error = t.throws(() => book.restore(document), { instanceOf: WeftError });
    t.is(error.code, 'store-corrupt');
    t.is(book.list().length, 1);
  });
}

const seed = Number(process.env['SEED'] ?? 1);
test(`random operations agree with a slow twin (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  // Small enough to be full now and then: 5 + 1 addresses of IPv4, 14 of IPv6.
  const prefixes = ['10.0.0.0/29', '10.0.1.0/30', 'fd00::/124'];
  const all = { 4: [...range('10.0.0.', 2, 6), '10.0.1.2'], 6: range('fd00::', 2, 15) };
  const twin = new Map<string, string[]>();
  let book = bookOf(...prefixes);
  for (let step = 0; step < 20_000; step++) {
    const pod = `p${random.below(9)}`;
    const held = new Set([...twin.values()].flat());
    const roll = random.below(10);
    if (roll < 4) {
      t.is(book.release('default', pod), twin.delete(pod));
    } else if (roll < 8) {
      const isFull = ([4, 6] as const).some((family) => all[family].every((address) => held.has(address)));
      const outcome = attempt(() => texts(book.allocate('default', pod))!);
      if (twin.has(pod)) t.deepEqual(outcome, twin.get(pod));
      else if (isFull) t.is(outcome, 'pool-exhausted');
      else {
        const [v4, v6] = outcome as string[];
        t.true(all[4].includes(v4!) && all[6].includes(v6!) && !held.has(v4!) && !held.has(v6!));
        twin.set(pod, outcome as string[]);
      }
    } else if (roll < 9) {
      const wanted = `10.0.0.${random.below(10)}`;
      const outcome = attempt(() => texts(book.allocate('default', pod, addresses(wanted)))!);
      const own = twin.get(pod);
      if (own !== undefined) t.deepEqual(outcome, own.length === 1 && own[0] === wanted ? own : 'lease-exists');
      else if (!all[4].includes(wanted)) t.is(outcome, 'config-invalid');
      else if (held.has(wanted)) t.is(outcome, 'address-in-use');
      else {
        t.deepEqual(outcome, [wanted]);
        twin.set(pod, [wanted]);
      }
    } else {
      const document: unknown = JSON.parse(JSON.stringify(book.document()));
      book = bookOf(...prefixes);
      book.restore(document);
    }
    t.deepEqual(new Map(book.list().map((lease) => [lease.pod, texts(lease)!])), twin);
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
