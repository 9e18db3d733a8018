import test from 'ava';
import type { PcapngBlock } from '../../src/capture/pcapng-reader.ts';
import { PcapngReader } from '../../src/capture/pcapng-reader.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import type { PcapngInterface, PcapngPacket, PcapngStatistics } from '../../src/capture/pcapng.ts';
import { WeftError } from '../../src/errors.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { bytes } from '../support/bytes.ts';
import { mutated } from '../support/mutation.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const section = { hardware: 'x64', os: 'Linux 6.18.1', application: 'weft 0.3.0' };
const tap: PcapngInterface = { name: 'n1/from-pod', snaplenBytes: 0 };
const writer = () => new PcapngWriter(section, new TextEncoder());
const time = { seconds: 1_763_841_600, nanoseconds: 123_456_789 };

/** A block of which nothing is left out, or to be asked for. */
function plain(block: PcapngBlock): object {
  if (block.kind !== 'packet') return block;
  const { interfaceId, seconds, nanoseconds, bytes, lengthBytes, direction, lost, id, queue, comment } = block.packet;
  const optional = Object.entries({ direction, lost, id, queue, comment }).filter(([, value]) => value !== undefined);
  const packet = { interfaceId, seconds, nanoseconds, bytes, lengthBytes, ...Object.fromEntries(optional) };
  return { kind: 'packet', packet };
}

function blocksOf(reader: PcapngReader): object[] {
  const blocks: object[] = [];
  for (let block = reader.next(); block !== undefined; block = reader.next()) blocks.push(plain(block));
  return blocks;
}

function read(stream: Uint8Array): object[] {
  const reader = new PcapngReader(new TextDecoder());
  reader.push(stream);
  return blocksOf(reader);
}

test('a section header has the bytes of the specification', (t) => {
  t.deepEqual(
    new PcapngWriter({ hardware: 'x64', os: '', application: '' }, new TextEncoder()).take(),
    bytes(`
      0a0d0d0a 28000000 4d3c2b1a 0100 0000 ffffffffffffffff
      0200 0300 78363400
      0000 0000 28000000
    `),
  );
});

test('an interface has the bytes of the specification', (t) => {
  const out = writer();
  out.take();
  t.is(out.interface({ name: 'n1', filter: 'tcp', snaplenBytes: 96 }), 0);
  t.deepEqual(
    out.take(),
    bytes(`
      01000000 30000000 6500 0000 60000000
      0200 0200 6e310000
      0900 0100 09000000
      0b00 0400 00746370
      0000 0000 30000000
    `),
  );
});

test('a packet has the bytes of the specification', (t) => {
  const out = writer();
  out.interface(tap);
  out.take();
  out.packet({
    interfaceId: 0,
    seconds: 4,
    nanoseconds: 294_967_297,
    bytes: bytes('450000'),
    lengthBytes: 1500,
    direction: 'out',
    lost: 0x1_0000_0002,
    id: 0x0102030405060708n,
    queue: 3,
    comment: 'weft',
  });
  t.deepEqual(
    out.take(),
    bytes(`
      06000000 58000000 00000000 01000000 01000000 03000000 dc050000
      45000000
      0200 0400 02000000
      0400 0800 0200000001000000
      0500 0800 0807060504030201
      0600 0400 03000000
      0100 0400 77656674
      0000 0000 58000000
    `),
  );
});

test('statistics have the bytes of the specification', (t) => {
  const out = writer();
  out.interface(tap);
  out.take();
  out.statistics({ interfaceId: 0, seconds: 0, nanoseconds: 9, received: 7, dropped: 2, accepted: 5 });
  t.deepEqual(
    out.take(),
    bytes(`
      05000000 40000000 00000000 00000000 09000000
      0400 0800 0700000000000000
      0500 0800 0200000000000000
      0600 0800 0500000000000000
      0000 0000 40000000
    `),
  );
});

test('what is written is read', (t) => {
  const described: PcapngInterface[] = [
    tap,
    {
      name: 'n2/drop',
      description: 'what goes nowhere, ±',
      filter: 'tcp port 80 and host 10.1.2.3',
      os: 'Linux',
      comment: 'weft clock-offset-ns=5',
      snaplenBytes: 128,
      linkType: 1,
    },
    { name: '', snaplenBytes: 0 },
  ];
  const packets: PcapngPacket[] = [
    { interfaceId: 0, ...time, bytes: bytes('45 00 01'), lengthBytes: 60 },
    { interfaceId: 1, seconds: 0, nanoseconds: 0, bytes: new Uint8Array(0), lengthBytes: 0, direction: 'in' },
    {
      interfaceId: 1,
      seconds: 2 ** 33,
      nanoseconds: 999_999_999,
      bytes: new Uint8Array(65_575).fill(7),
      lengthBytes: 70_000,
      direction: 'out',
      lost: 2 ** 40,
      id: 0xffff_ffff_ffff_ffffn,
      queue: 63,
      comment: 'weft verdict=drop reason=no-route',
    },
  ];
  const statistics: PcapngStatistics = { interfaceId: 2, ...time, received: 2 ** 50, dropped: 1, comment: 'x' };
  const out = writer();
  for (const one of described) out.interface(one);
  for (const packet of packets) out.packet(packet);
  out.statistics(statistics);
  t.deepEqual(read(out.take()), [
    { kind: 'section', section },
    ...described.map((one) => ({ kind: 'interface', interface: one })),
    ...packets.map((packet) => ({ kind: 'packet', packet })),
    { kind: 'statistics', statistics },
  ]);
});

test(`every moment is read as it was written (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED, 1);
  const edges = [0, 1, 999_999_999, 500_000_000];
  const times = Array.from({ length: 3000 }, () => ({
    seconds: random.pick([random.uint32(), random.below(10), 2 ** 32 + random.below(9), 2 ** 34 - 1]),
    nanoseconds: random.pick([...edges, random.below(1e9)]),
  }));
  const out = writer();
  out.interface(tap);
  for (const time of times) out.packet({ interfaceId: 0, ...time, bytes: new Uint8Array(0), lengthBytes: 0 });
  t.deepEqual(
    (read(out.take()) as PcapngBlock[]).flatMap((block) =>
      block.kind === 'packet' ? [{ seconds: block.packet.seconds, nanoseconds: block.packet.nanoseconds }] : [],
    ),
    times,
  );
});

test('what is taken away piece by piece is the same', (t) => {
  const [whole, pieces] = [writer(), writer()];
  const parts: Uint8Array[] = [];
  for (const out of [whole, pieces]) {
    out.interface(tap);
    for (let index = 0; index < 2000; index++) {
      out.packet({ interfaceId: 0, ...time, bytes: new Uint8Array(index % 97).fill(index), lengthBytes: 97 });
      if (out === pieces && index % 7 === 0) parts.push(out.take());
    }
  }
  parts.push(pieces.take());
  t.deepEqual(Buffer.concat(parts), Buffer.from(whole.take()));
  t.is(pieces.pendingBytes, 0);
});

test('a packet of an interface that was not described is a bug', (t) => {
  const out = writer();
  t.throws(() => out.packet({ interfaceId: 0, ...time, bytes: new Uint8Array(1), lengthBytes: 1 }), {
    instanceOf: RangeError,
  });
  t.throws(() => out.statistics({ interfaceId: 0, ...time, received: 0, dropped: 0 }), { instanceOf: RangeError });
});

test('a text that is too long for an option is cut', (t) => {
  const out = writer();
  out.interface({ name: 'x', comment: 'y'.repeat(70_000) });
  t.like(read(out.take())[1], { interface: { comment: 'y'.repeat(65_000) } });
});

/** A stream that has something of everything. */
function sample(): Uint8Array {
  const out = writer();
  out.interface({ ...tap, filter: 'ip', comment: 'weft corrected=no' });
  for (let index = 0; index < 5; index++) {
    const id = BigInt(index) << 60n;
    const packet = bytes('45000014 00000000 40fd0000 0a010002 0a020003').subarray(0, 20 - index);
    out.packet({ interfaceId: 0, ...time, bytes: packet, lengthBytes: 20, id, queue: 1, comment: 'weft' });
  }
  out.statistics({ interfaceId: 0, ...time, received: 5, dropped: 0 });
  return out.take();
}

test('chunks may end anywhere', (t) => {
  const stream = sample();
  const expected = read(stream);
  for (const size of [1, 2, 3, 7, 11, 64, 1000]) {
    const reader = new PcapngReader(new TextDecoder());
    const blocks: object[] = [];
    for (let at = 0; at < stream.length; at += size) {
      reader.push(stream.subarray(at, at + size));
      blocks.push(...blocksOf(reader));
    }
    t.deepEqual(blocks, expected, `in chunks of ${size}`);
    t.true(reader.isWhole);
  }
});

test('a stream that was cut off is not whole', (t) => {
  const stream = sample();
  const reader = new PcapngReader(new TextDecoder());
  t.false(reader.isWhole);
  reader.push(stream.subarray(0, -1));
  while (reader.next() !== undefined);
  t.false(reader.isWhole);
});

test('blocks and options of others are skipped', (t) => {
  const out = writer();
  const head = out.take();
  const custom = bytes('ad0b0000 10000000 00000000 10000000');
  const packet = bytes('06000000 24000000 00000000 00000000 01000000 00000000 00000000 c800 0000 24000000');
  out.interface(tap);
  const stream = Buffer.concat([head, custom, out.take(), packet]);
  t.deepEqual(
    read(stream).map((block) => (block as PcapngBlock).kind),
    ['section', 'interface', 'packet'],
  );
});

const refuses = test.macro({
  exec(t, change: (view: DataView, stream: Uint8Array) => void, message: RegExp) {
    const stream = Uint8Array.from(sample());
    change(new DataView(stream.buffer), stream);
    t.throws(() => read(stream), { code: 'capture-malformed', message });
  },
  title: (what) => `refuses ${what}`,
});

/** Where a block of the sample begins. */
const sampleAt = (block: number): number => {
  const view = new DataView(sample().buffer);
  let at = 0;
  for (let index = 0; index < block; index++) at += view.getUint32(at + 4, true);
  return at;
};

test('a stream that is no capture', refuses, (_, stream) => stream.fill(0x41, 0, 4), /section header/);
test('the other byte order', refuses, (view) => view.setUint32(8, 0x1a2b3c4d), /little-endian/);
test('another version', refuses, (view) => view.setUint16(12, 2, true), /version 2/);
test('a block of no length', refuses, (view) => view.setUint32(sampleAt(2) + 4, 0, true), /claims 0 bytes/);
test('a block of an odd length', refuses, (view) => view.setUint32(sampleAt(2) + 4, 45, true), /claims 45 bytes/);
test('a block of 2 GiB', refuses, (view) => view.setUint32(sampleAt(2) + 4, 2 ** 31, true), /claims/);
test('a block with two lengths', refuses, (view) => view.setUint32(sampleAt(3) - 4, 48, true), /two lengths/);
test('an unknown interface', refuses, (view) => view.setUint32(sampleAt(2) + 8, 1, true), /interface 1/);
test(
  'a packet that is too long',
  refuses,
  (view) => view.setUint32(sampleAt(2) + 20, 999, true),
  /longer than its block/,
);
test('an option that is too long', refuses, (view) => view.setUint16(sampleAt(1) + 18, 999, true), /an option/);
test(
  'times in microseconds',
  refuses,
  (_, stream) => stream.fill(6, microsecondsAt(), microsecondsAt() + 1),
  /nanoseconds/,
);

/** Of the value of if_tsresol in the sample. */
function microsecondsAt(): number {
  const stream = Buffer.from(sample());
  return stream.indexOf(Buffer.from('0900010009000000', 'hex')) + 4;
}

test(`garbage is refused, or read, and nothing else happens (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  const stream = sample();
  let refused = 0;
  for (let run = 0; run < 20_000; run++) {
    try {
      read(mutated(random, stream));
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== 'capture-malformed') throw error;
      refused++;
    }
  }
  t.true(refused > 5000 && refused < 20_000);
});
