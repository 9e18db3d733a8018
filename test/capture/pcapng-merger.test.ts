import test from 'ava';
import { PcapngMerger, type MergerOptions, type StreamClock } from '../../src/capture/pcapng-merger.ts';
import { placeOf } from '../../src/capture/packet-hops.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import type { PcapngInterface, PcapngPacket, PcapngStatistics } from '../../src/capture/pcapng.ts';
import { ReadPacket } from '../../src/capture/read-packet.ts';
import { ReorderBuffer } from '../../src/capture/reorder-buffer.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const SECOND = 1_000_000_000;

/** A node that captures. Packets are told apart by their only byte. */
class Node {
  readonly #writer = new PcapngWriter({ hardware: '', os: '', application: '' }, new TextEncoder());

  constructor(name: string, hooks = ['to-underlay', 'drop']) {
    const [first, ...others] = hooks;
    this.#writer.interface({ name: `${name}/${first}`, description: 'rebuilt' });
    for (const hook of others) this.#writer.interface({ name: `${name}/${hook}` });
  }

  packet(mark: number, ns: number, fields: Partial<PcapngPacket> = {}): this {
    const time = { seconds: Math.floor(ns / SECOND), nanoseconds: ns % SECOND };
    this.#writer.packet({ interfaceId: 0, ...time, bytes: Uint8Array.of(mark), lengthBytes: 1, ...fields });
    return this;
  }

  statistics(received: number): this {
    this.#writer.statistics({ interfaceId: 1, seconds: 9, nanoseconds: 0, received, dropped: 1 });
    return this;
  }

  take(): Uint8Array {
    return this.#writer.take();
  }
}

/** Takes what comes out. */
class Sink {
  readonly interfaces: PcapngInterface[] = [];
  readonly packets: PcapngPacket[] = [];
  readonly statisticsOf: PcapngStatistics[] = [];

  interface(described: PcapngInterface): number {
    return this.interfaces.push(described) - 1;
  }

  packet(packet: PcapngPacket): void {
    this.packets.push(packet);
  }

  statistics(statistics: PcapngStatistics): void {
    this.statisticsOf.push(statistics);
  }

  get marks(): number[] {
    return this.packets.map(({ bytes }) => bytes[0]!);
  }
}

function merger(options: Partial<MergerOptions> = {}, ...clocks: (StreamClock | undefined)[]) {
  const sink = new Sink();
  const merged = new PcapngMerger({ sink, decoder: new TextDecoder(), ...options });
  for (const clock of clocks) merged.add(clock);
  return { sink, merged };
}

test('packets of several nodes come out in the order of time, at interfaces of their own', (t) => {
  const { sink, merged } = merger({}, undefined, undefined);
  merged.push(0, new Node('n1').packet(1, 100).packet(3, 300, { interfaceId: 1 }).take());
  merged.push(1, new Node('n2').packet(2, 200).packet(4, 400).take());
  t.deepEqual(sink.marks, []);
  merged.end(0);
  merged.end(1);
  t.deepEqual(sink.marks, [1, 2, 3, 4]);
  t.deepEqual(
    sink.interfaces.map(({ name }) => name),
    ['n1/to-underlay', 'n1/drop', 'n2/to-underlay', 'n2/drop'],
  );
  t.deepEqual(
    sink.packets.map(({ interfaceId }) => interfaceId),
    [0, 2, 1, 2],
  );
  t.is(merged.late, 0);
});

test('packets of one moment keep the order in which they came', (t) => {
  const { sink, merged } = merger({}, undefined);
  const node = new Node('n1');
  for (let mark = 0; mark < 50; mark++) node.packet(mark, 7);
  merged.push(0, node.take());
  merged.end(0);
  t.deepEqual(
    sink.marks,
    Array.from({ length: 50 }, (_, mark) => mark),
  );
});

test('a packet waits until every stream is a second ahead', (t) => {
  const { sink, merged } = merger({}, undefined, undefined);
  const node = new Node('n1');
  merged.push(
    0,
    node
      .packet(1, 5 * SECOND)
      .packet(2, 6 * SECOND)
      .take(),
  );
  merged.push(1, new Node('n2').packet(3, 6 * SECOND + 1).take());
  t.deepEqual(sink.marks, []);
  merged.push(0, node.packet(4, 6 * SECOND + 1).take());
  t.deepEqual(sink.marks, [1]);
  t.is(merged.waiting, 3);
});

test('a stream that lags behind is waited for as long as it says anything', (t) => {
  const { sink, merged } = merger({}, undefined, undefined);
  const [fast, slow] = [new Node('n1'), new Node('n2')];
  merged.push(0, fast.packet(2, 5 * SECOND).take());
  for (let index = 0; index < 10; index++) {
    merged.push(0, fast.packet(9, (9 + index) * SECOND).take());
    merged.advance({ seconds: 9 + index, nanoseconds: 0 });
    merged.push(1, slow.packet(1, index).take());
  }
  for (let index = 0; index < 3; index++) merged.advance({ seconds: 18, nanoseconds: 0 });
  t.deepEqual(sink.marks, []);
  merged.push(1, slow.packet(1, SECOND + 5).take());
  t.deepEqual(
    sink.marks,
    Array.from({ length: 5 }, () => 1),
  );
  for (let index = 0; index < 4; index++) merged.advance({ seconds: 18, nanoseconds: 0 });
  t.deepEqual(sink.marks.slice(5), [1, 1, 1, 1, 1, 1, 2, 9, 9, 9, 9, 9, 9, 9, 9]);
  t.is(merged.waiting, 2);
  t.is(merged.late, 0);
});

test('a stream that ended is not waited for', (t) => {
  const { sink, merged } = merger({}, undefined, undefined);
  merged.push(
    0,
    new Node('n1')
      .packet(1, 5 * SECOND)
      .packet(2, 7 * SECOND)
      .take(),
  );
  t.deepEqual(sink.marks, []);
  merged.end(1);
  t.deepEqual(sink.marks, [1]);
});

test('a packet does not wait for newer ones once it is a second old, and nobody says anything', (t) => {
  const { sink, merged } = merger({}, undefined);
  merged.push(0, new Node('n1').packet(1, 5 * SECOND).take());
  for (const nanoseconds of [0, 0, 0, 0, 0]) merged.advance({ seconds: 6, nanoseconds });
  t.deepEqual(sink.marks, []);
  merged.advance({ seconds: 6, nanoseconds: 1 });
  t.deepEqual(sink.marks, [1]);
});

test('what comes later than the window comes out late, and is counted', (t) => {
  const { sink, merged } = merger({}, undefined);
  const node = new Node('n1');
  merged.push(
    0,
    node
      .packet(1, 5 * SECOND)
      .packet(2, 7 * SECOND)
      .take(),
  );
  merged.push(0, node.packet(3, 2 * SECOND).take());
  merged.end(0);
  t.deepEqual(sink.marks, [1, 3, 2]);
  t.is(merged.late, 1);
});

test('of many packets that wait, the oldest go early', (t) => {
  const { sink, merged } = merger({ maxWaitingBytes: 2600 }, undefined);
  const node = new Node('n1');
  for (let mark = 0; mark < 20; mark++) node.packet(mark, mark);
  merged.push(0, node.take());
  t.deepEqual(sink.marks, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

const corrects = test.macro({
  exec(t, clock: StreamClock, expected: readonly [number, number], comment: string, words: string) {
    const { sink, merged } = merger({}, clock);
    merged.push(0, new Node('n1').packet(1, 100 * SECOND + 5).take());
    merged.end(0);
    const [packet] = sink.packets;
    t.deepEqual([packet!.seconds, packet!.nanoseconds], [...expected]);
    t.is(sink.interfaces[0]!.comment, comment);
    t.is(sink.interfaces[0]!.description, `rebuilt; ${words}`);
    t.is(sink.interfaces[1]!.description, words);
  },
  title: (what) => `a clock that is ${what}`,
});

test(
  'ahead is corrected',
  corrects,
  { offsetNs: 2 * SECOND + 6, uncertaintyNs: 1000 },
  [97, 999_999_999],
  'weft clock-offset-ns=2000000006 uncertainty-ns=1000 corrected=yes',
  'clock 2000.000 ms ahead, +-0.001 ms, corrected',
);
test(
  'behind is corrected',
  corrects,
  { offsetNs: -999_999_999, uncertaintyNs: 0 },
  [101, 4],
  'weft clock-offset-ns=-999999999 uncertainty-ns=0 corrected=yes',
  'clock 1000.000 ms behind, +-0.000 ms, corrected',
);
test(
  'ahead by no more than anybody can tell is left alone',
  corrects,
  { offsetNs: 90_000.4, uncertaintyNs: 100_000 },
  [100, 5],
  'weft clock-offset-ns=90000 uncertainty-ns=100000 corrected=no',
  'clock 0.090 ms ahead, +-0.100 ms, not corrected: no more than that',
);

test(
  'that of all others is said to be that',
  corrects,
  { offsetNs: 0, uncertaintyNs: 0 },
  [100, 5],
  'weft clock-offset-ns=0 uncertainty-ns=0 corrected=no',
  'times are by the clock of this node',
);

test('corrected clocks decide about the order', (t) => {
  const { sink, merged } = merger({}, { offsetNs: 0, uncertaintyNs: 0 }, { offsetNs: 3600 * SECOND, uncertaintyNs: 9 });
  merged.push(0, new Node('n1').packet(1, 100).packet(3, 300).take());
  merged.push(1, new Node('n2').packet(2, 3600 * SECOND + 200).take());
  merged.end(0);
  merged.end(1);
  t.deepEqual(sink.marks, [1, 2, 3]);
});

test('an id that is there twice at one interface within a second is ambiguous, both times', (t) => {
  const { sink, merged } = merger({}, undefined, undefined);
  const twice = { id: 7n, comment: 'weft verdict=sent peer=n2' };
  merged.push(0, new Node('n1').packet(1, 100, twice).packet(2, 200, { id: 8n }).packet(3, 300, twice).take());
  merged.push(
    1,
    new Node('n2')
      .packet(4, 400, twice)
      .packet(5, 500, { ...twice, interfaceId: 1 })
      .take(),
  );
  merged.end(0);
  merged.end(1);
  t.deepEqual(
    sink.packets.map(({ comment }) => comment),
    [
      'weft verdict=sent peer=n2 ambiguous=yes',
      undefined,
      'weft verdict=sent peer=n2 ambiguous=yes',
      'weft verdict=sent peer=n2',
      'weft verdict=sent peer=n2',
    ],
  );
});

test('packets that somebody repeats a hundred thousand times are all ambiguous, at once', (t) => {
  const { sink, merged } = merger({}, undefined, undefined);
  const nodes = [new Node('n1', ['to-underlay']), new Node('n2', ['from-underlay'])];
  for (const [stream, node] of nodes.entries()) {
    for (let index = 0; index < 100_000; index++) node.packet(index & 1, index * 1000 + stream, { id: 7n });
    merged.push(stream, node.take());
  }
  for (const stream of [0, 1]) merged.end(stream);
  t.is(sink.packets.filter(({ comment }) => comment === 'weft ambiguous=yes').length, 200_000);
});

test('an id that comes again after more than a second is not ambiguous', (t) => {
  const { sink, merged } = merger({}, undefined);
  merged.push(
    0,
    new Node('n1')
      .packet(1, 100, { id: 7n })
      .packet(2, SECOND + 101, { id: 7n })
      .take(),
  );
  merged.end(0);
  t.deepEqual(
    sink.packets.map(({ comment }) => comment),
    [undefined, undefined],
  );
});

test('what is sent again after it arrived stays behind that', (t) => {
  const { sink, merged } = merger({}, undefined, undefined);
  const id = { id: 7n };
  merged.push(0, new Node('n1', ['to-underlay']).packet(1, 1_000_000, id).packet(3, 5_000_000, id).take());
  merged.push(1, new Node('n2', ['from-underlay']).packet(2, 2_000_000, id).take());
  merged.end(0);
  merged.end(1);
  t.deepEqual(sink.marks, [1, 2, 3]);
});

test('what is sent comes out before it arrives, although a clock says otherwise', (t) => {
  const { sink, merged } = merger({}, undefined, { offsetNs: 0, uncertaintyNs: 90_000 });
  const id = { id: 7n };
  const sender = new Node('n1', ['encapsulate', 'to-underlay']);
  merged.push(
    0,
    sender
      .packet(1, 50_000, id)
      .packet(2, 60_000, { ...id, interfaceId: 1 })
      .packet(9, 55_000, { id: 8n })
      .take(),
  );
  const receiver = new Node('n2', ['from-underlay', 'to-pod']);
  merged.push(
    1,
    receiver
      .packet(3, 20_000, id)
      .packet(4, 30_000, { ...id, interfaceId: 1 })
      .packet(8, 10_000, { id: 6n })
      .take(),
  );
  merged.end(0);
  merged.end(1);
  t.deepEqual(sink.marks, [8, 1, 2, 3, 4, 9]);
  t.is(merged.late, 0);
  t.is(merged.waiting, 0);
  t.deepEqual(
    sink.packets.map(({ nanoseconds }) => nanoseconds),
    [10_000, 50_000, 60_000, 20_000, 30_000, 55_000],
  );
});

test('what is relayed arrives and leaves there before it arrives at its target', (t) => {
  const { sink, merged } = merger({}, undefined, undefined, undefined);
  const id = { id: 7n };
  merged.push(0, new Node('n1', ['to-underlay']).packet(1, 1_000_000, id).take());
  const relay = new Node('n2', ['from-underlay', 'relay']);
  merged.push(
    1,
    relay
      .packet(2, 2_000_000, id)
      .packet(3, 2_100_000, { ...id, interfaceId: 1 })
      .take(),
  );
  merged.push(
    2,
    new Node('n3', ['from-underlay', 'to-pod']).packet(4, 500_000, id).packet(5, 501_000, { interfaceId: 1 }).take(),
  );
  for (const stream of [0, 1, 2]) merged.end(stream);
  t.deepEqual(sink.marks, [1, 2, 3, 4, 5]);
});

test('what has the same id long after an arrival is another packet', (t) => {
  const { sink, merged } = merger({}, undefined, undefined);
  merged.push(0, new Node('n1').packet(2, 250_000_000, { id: 7n }).take());
  merged.push(1, new Node('n2', ['from-underlay']).packet(1, 1000, { id: 7n }).take());
  merged.push(1, new Node('n2', ['from-underlay']).packet(3, 250_001_000, { id: 7n }).take());
  merged.end(0);
  merged.end(1);
  t.deepEqual(sink.marks, [1, 2, 3]);
});

test('a packet without a comment gets one if it is ambiguous, and the comment of others stays', (t) => {
  const { sink, merged } = merger({}, undefined);
  merged.push(0, new Node('n1').packet(1, 1, { id: 7n }).packet(2, 2, { id: 7n, comment: 'note' }).take());
  merged.end(0);
  t.deepEqual(
    sink.packets.map(({ comment }) => comment),
    ['weft ambiguous=yes', 'note'],
  );
});

test('statistics come after all packets, at their interface', (t) => {
  const { sink, merged } = merger({}, undefined, { offsetNs: 4 * SECOND, uncertaintyNs: 0 });
  merged.push(0, new Node('n1').statistics(4).statistics(5).take());
  merged.push(
    1,
    new Node('n2')
      .packet(1, 8 * SECOND)
      .statistics(6)
      .take(),
  );
  merged.end(1);
  t.deepEqual(sink.statisticsOf, []);
  merged.end(0);
  t.deepEqual(
    sink.statisticsOf.map(({ interfaceId, seconds, received }) => [interfaceId, seconds, received]),
    [
      [1, 9, 5],
      [3, 5, 6],
    ],
  );
});

test('a stream that is no capture is refused, and the others go on', (t) => {
  const { sink, merged } = merger({}, undefined, undefined);
  t.throws(() => merged.push(0, Buffer.from('HTTP/1.1 200 OK\r\n\r\n')), { code: 'capture-malformed' });
  merged.end(0);
  merged.push(1, new Node('n2').packet(1, 1).take());
  merged.end(1);
  t.deepEqual(sink.marks, [1]);
});

test('a merged capture can be merged again', (t) => {
  const out = new PcapngWriter({ hardware: '', os: '', application: '' }, new TextEncoder());
  const first = new PcapngMerger({ sink: out, decoder: new TextDecoder() });
  first.add({ offsetNs: 10, uncertaintyNs: 1 });
  first.push(0, new Node('n1').packet(1, 1000, { id: 5n, queue: 2, direction: 'in', lost: 4 }).statistics(1).take());
  first.end(0);
  const { sink, merged } = merger({}, undefined);
  merged.push(0, out.take());
  merged.end(0);
  t.like(sink.packets[0], { nanoseconds: 990, id: 5n, queue: 2, direction: 'in', lost: 4 });
  t.is(sink.interfaces[0]!.comment, 'weft clock-offset-ns=10 uncertainty-ns=1 corrected=yes');
  t.is(sink.statisticsOf.length, 1);
});

test(`the reorder buffer gives what sorting would give (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  const buffer = new ReorderBuffer();
  let sorted: { seconds: number; nanoseconds: number; arrival: number }[] = [];
  for (let arrival = 0; arrival < 5000; arrival++) {
    const time = { seconds: random.below(4), nanoseconds: random.below(5) };
    buffer.insert({
      packet: new ReadPacket(0, time, new Uint8Array(0), 0, new TextDecoder()),
      place: placeOf('n1/drop', 0),
      arrival,
      isAmbiguous: false,
      isGone: false,
    });
    sorted.push({ ...time, arrival });
    if (!random.happens(0.45)) continue;
    sorted = sorted.sort((a, b) => a.seconds - b.seconds || a.nanoseconds - b.nanoseconds || a.arrival - b.arrival);
    t.is(buffer.oldest?.arrival, sorted[0]!.arrival);
    t.is(buffer.removeOldest()!.arrival, sorted.shift()!.arrival);
    t.is(buffer.size, sorted.length);
  }
});
