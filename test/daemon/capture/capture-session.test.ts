import test from 'ava';
import type { CaptureSpec } from '../../../src/api/capture-api.ts';
import type { CaptureEnd, CaptureTotals } from '../../../src/daemon/capture/capture-messages.ts';
import { CaptureNames } from '../../../src/daemon/capture/capture-names.ts';
import { CaptureSession } from '../../../src/daemon/capture/capture-session.ts';
import { DropReason } from '../../../src/dataplane/drop-reason.ts';
import { Hook } from '../../../src/dataplane/hook.ts';
import { TapField, TapForm } from '../../../src/dataplane/tap-record.ts';
import { createTapRingMemory, TapRingWriter } from '../../../src/dataplane/tap-ring.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';
import { blocksOf, packetsOf, statisticsOf } from '../../support/captured.ts';
import { ipPacket, udpDatagram } from '../../support/ip-packet.ts';
import { recordOf, type RecordFields } from '../../support/tap-record-bytes.ts';

const RING_BYTES = 16_384;
/** 2026-01-01 in ns, and half a second. */
const AHEAD_NS = 1_767_225_600_500_000_000n;

const udp = (destination: readonly number[], length = 10) =>
  ipPacket({
    source: [10, 244, 1, 2],
    destination,
    protocol: 17,
    transport: udpDatagram(Array.from({ length }, () => 7)),
  });
const toN2 = udp([10, 244, 2, 2]);
const toNobody = udp([10, 244, 9, 9]);
const ENCAPSULATION = [0x08, 0, 0, 0, 0, 0, 42, 0, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0];

function names(): CaptureNames {
  const made = new CaptureNames();
  const address = parseIpAddress('198.18.0.2');
  made.take({
    isFirst: true,
    peers: [
      { number: 1, name: 'n2', relay: '', address },
      { number: 2, name: 'n2', relay: 'n3', address },
    ],
    routes: [
      { prefix: parsePrefix('10.244.0.0/16')!, origin: 'far', version: 1 },
      { prefix: parsePrefix('10.244.2.0/24')!, origin: 'n2', version: 7 },
    ],
  });
  return made;
}

/** A capture with two rings, and who fills them. */
class Rig {
  readonly session: CaptureSession;
  readonly ends: [CaptureEnd, CaptureTotals][] = [];
  readonly #writers: readonly TapRingWriter[];

  constructor(spec: CaptureSpec = {}, options: { pod?: string; maxBytes?: number; ringBytes?: number } = {}) {
    const { ringBytes = RING_BYTES } = options;
    const rings = [createTapRingMemory(ringBytes), createTapRingMemory(ringBytes)];
    this.#writers = rings.map((memory) => new TapRingWriter(memory));
    const podAddresses = options.pod === undefined ? undefined : [parseIpAddress(options.pod)!];
    this.session = new CaptureSession({
      plan: { capture: 1, spec, rings, podAddresses, maxBytes: options.maxBytes },
      nodeName: 'n1',
      version: '1.2.3',
      names: names(),
      onEnd: (end, totals) => this.ends.push([end, totals]),
    });
  }

  /** Puts a record into the ring of a worker. False: it was lost. */
  put(body: Uint8Array, fields: RecordFields & { form?: TapForm; peer?: number } = {}, worker = 0): boolean {
    const { form = TapForm.inner, peer = 0 } = fields;
    const record = recordOf(form, body, fields);
    const view = new DataView(record.buffer);
    view.setUint32(TapField.peer, peer, true);
    view.setUint16(TapField.worker, worker, true);
    view.setUint32(TapField.seconds, 3, true);
    view.setUint32(TapField.nanoseconds, 600_000_000, true);
    const writer = this.#writers[worker]!;
    view.setUint32(TapField.lost, writer.lost, true);
    const at = writer.reserve(record.length);
    if (at === -1) return false;
    // The first four bytes are the length, which is there already.
    writer.bytes.set(record.subarray(4), at + 4);
    writer.commit();
    return true;
  }

  async blocks() {
    this.session.drain(AHEAD_NS);
    this.session.end('asked');
    return await blocksOf(this.session.queue);
  }
}

test('a packet comes with its hook, time, worker, direction, id and comment', async (t) => {
  const rig = new Rig();
  rig.put(toN2, { hook: Hook.route, peer: 1 }, 1);
  const [packet, ...others] = packetsOf(await rig.blocks());
  t.is(others.length, 0);
  t.like(packet, {
    place: 'n1/route',
    seconds: 1_767_225_604,
    nanoseconds: 100_000_000,
    queue: 1,
    direction: 'out',
    comment: 'weft verdict=forward route=10.244.2.0/24 origin=n2 version=7 peer=n2',
  });
  t.deepEqual(packet!.bytes, toN2);
  t.is(typeof packet!.id, 'bigint');
});

test('a drop has its reason, and a way through a relay the name of that', async (t) => {
  const rig = new Rig();
  rig.put(toNobody, { hook: Hook.drop, reason: DropReason.noRoute });
  rig.put(Uint8Array.from([...ENCAPSULATION, ...toN2]), { hook: Hook.toUnderlay, form: TapForm.datagram, peer: 2 });
  const [drop, sent] = packetsOf(await rig.blocks());
  t.is(drop!.comment, 'weft verdict=drop reason=no-route route=10.244.0.0/16 origin=far version=1 peer=far');
  t.regex(sent!.comment!, /verdict=sent .*peer=n2 relay=n3/);
  t.is(sent!.bytes.length, 20 + 8 + ENCAPSULATION.length + toN2.length);
});

test('a file begins with all hooks that are wanted, and ends with how they fared', async (t) => {
  const rig = new Rig({ hooks: ['from-pod', 'drop'], filter: { text: 'udp', program: [[6, 0, 0, 1]] } });
  rig.put(toN2);
  rig.put(toN2);
  const blocks = await rig.blocks();
  const interfaces = blocks.flatMap((block) => (block.kind === 'interface' ? [block.interface] : []));
  t.deepEqual(
    interfaces.map(({ name }) => name),
    ['n1/from-pod', 'n1/drop'],
  );
  t.is(interfaces[0]!.filter, 'udp');
  t.deepEqual(statisticsOf(blocks), { 'n1/from-pod': [2, 0], 'n1/drop': [0, 0] });
  t.deepEqual(
    rig.ends.map(([end, { packets, lost }]) => [end, packets, lost]),
    [['asked', 2, 0]],
  );
});

test('what found no room is said at the next packet, and in the end', async (t) => {
  const rig = new Rig();
  let put = 0;
  while (rig.put(toN2)) put++;
  rig.put(toN2);
  rig.session.drain(AHEAD_NS);
  rig.put(toN2);
  rig.session.drain(AHEAD_NS);
  while (rig.put(toNobody));
  const blocks = await rig.blocks();
  const packets = packetsOf(blocks);
  t.is(packets[put]!.lost, 2);
  t.is(packets.filter(({ lost = 0 }) => lost > 0).length, 1);
  const statistics = Object.values(statisticsOf(blocks));
  t.is(
    statistics.reduce((sum, [, dropped]) => sum + dropped, 0),
    3,
  );
  t.is(rig.ends[0]![1].lost, 3);
});

const chooses = test.macro<[spec: CaptureSpec, expected: readonly string[], pod?: string]>({
  async exec(t, spec, expected, pod) {
    const rig = new Rig(spec, pod === undefined ? {} : { pod });
    const wrapped = Uint8Array.from([...ENCAPSULATION, ...toN2]);
    rig.put(toN2, { hook: Hook.fromPod });
    rig.put(toNobody, { hook: Hook.fromPod });
    rig.put(toN2, { hook: Hook.route, peer: 1 });
    rig.put(wrapped, { hook: Hook.fromUnderlay, form: TapForm.datagram, direction: 1 });
    const packets = packetsOf(await rig.blocks());
    t.deepEqual(
      packets.map(({ place }) => place),
      expected.map((hook) => `n1/${hook}`),
    );
  },
  title: (name) => `a capture ${name}`,
});

/** `ip[19] == 2`: the last octet of the destination. */
const endsIn2 = [
  [48, 0, 0, 19],
  [21, 0, 1, 2],
  [6, 0, 0, 1],
  [6, 0, 0, 0],
] as const;
/** `ip[12] == 198`: the first octet of the source. */
const from198 = [
  [48, 0, 0, 12],
  [21, 0, 1, 198],
  [6, 0, 0, 1],
  [6, 0, 0, 0],
] as const;

test('without a filter has all', chooses, {}, ['from-pod', 'from-pod', 'route', 'from-underlay']);
test('with a filter has what the inner packet matches', chooses, { filter: { text: '', program: endsIn2 } }, [
  'from-pod',
  'route',
  'from-underlay',
]);
test('with an outer filter has only what has an outer packet', chooses, { outer: { text: '', program: from198 } }, [
  'from-underlay',
]);
test(
  'of a peer has what goes there, before it is decided too, and what comes from its address',
  chooses,
  { peer: 'n2' },
  ['from-pod', 'route', 'from-underlay'],
);
test('of a pod has what is from or to its addresses', chooses, {}, ['from-pod'], '10.244.9.9');

test('of a peer has what comes through a relay, but not what the relay itself sends', async (t) => {
  const rig = new Rig({ peer: 'n2' });
  for (const source of [
    [10, 244, 2, 9],
    [10, 244, 3, 9],
  ]) {
    const body = ipPacket({ source, destination: [10, 244, 1, 2], protocol: 17, transport: udpDatagram([1]) });
    rig.put(body, { hook: Hook.toPod, direction: 1, remoteAddress: [198, 18, 0, 3] });
  }
  const packets = packetsOf(await rig.blocks());
  t.deepEqual(
    packets.map(({ bytes }) => [...bytes.subarray(12, 16)]),
    [[10, 244, 2, 9]],
  );
});

test('a capture ends by itself after so many packets, or bytes', async (t) => {
  const counted = new Rig({ count: 2 });
  for (let index = 0; index < 5; index++) counted.put(toN2);
  t.is(packetsOf(await counted.blocks()).length, 2);
  t.is(counted.ends[0]![0], 'count');
  const limited = new Rig({}, { maxBytes: 4_000 });
  for (let index = 0; index < 50; index++) limited.put(toN2);
  t.true(packetsOf(await limited.blocks()).length < 50);
  t.is(limited.ends[0]![0], 'size');
});

test('a reader that does not read fills the ring, and no memory', (t) => {
  const rig = new Rig();
  const large = udp([10, 244, 2, 2], 1_400);
  let taken = 0;
  for (let turn = 0; turn < 3_000; turn++) {
    while (rig.put(large)) taken++;
    rig.session.drain(AHEAD_NS);
  }
  t.false(rig.session.queue.hasRoom);
  t.true(taken < 2_000, `${taken} packets were taken`);
  t.is(rig.ends.length, 0);
});

test('a capture ends with its reader, once', async (t) => {
  const rig = new Rig();
  rig.put(toN2);
  await rig.session.queue.return();
  rig.session.end('asked');
  t.deepEqual(
    rig.ends.map(([end]) => end),
    ['closed'],
  );
});

test('a capture that finds nothing ends also where more comes in than can be looked at', (t) => {
  const rig = new Rig({}, { pod: '10.244.7.7', ringBytes: 65_536 });
  const drain = rig.session.drain.bind(rig.session);
  rig.session.drain = (aheadNs) => {
    while (rig.put(toN2));
    return drain(aheadNs);
  };
  t.true(rig.session.drain(AHEAD_NS));
  rig.session.end('asked');
  t.deepEqual(
    rig.ends.map(([end]) => end),
    ['asked'],
  );
});
