import test from 'ava';
import { DropReason, KernelReason } from '../../src/dataplane/drop-reason.ts';
import type { FlightRecord } from '../../src/dataplane/flight-records.ts';
import { Hook } from '../../src/dataplane/hook.ts';
import { FlowTable } from '../../src/explain/flow-table.ts';
import { flowKey, readFlow, wayBetween } from '../../src/explain/packet-flow.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { echoRequest, ipPacket, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import { pod } from '../support/overlay-node.ts';

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const tcp = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x10, [1, 2, 3]) });
const addresses4 = { source: '10.244.1.2', destination: '10.244.2.2' };
const addresses6 = { source: 'fd00:10:244:1::2', destination: 'fd00:10:244:2::2' };
const noPorts = { sourcePort: 0, destinationPort: 0 };

const flows = {
  tcp: [tcp, { ...addresses4, protocol: 6, sourcePort: 40_000, destinationPort: 5201 }],
  udp: [
    ipPacket({ ...v6, protocol: 17, transport: udpDatagram([1]) }),
    { ...addresses6, protocol: 17, sourcePort: 40_000, destinationPort: 53 },
  ],
  'udp behind an extension header': [
    ipPacket({
      ...v6,
      protocol: 17,
      firstExtension: 60,
      options: [17, 0, 1, 4, 0, 0, 0, 0],
      transport: udpDatagram([1]),
    }),
    { ...addresses6, protocol: 17, sourcePort: 40_000, destinationPort: 53 },
  ],
  ping: [ipPacket({ ...v4, protocol: 1, transport: echoRequest(4, [1]) }), { ...addresses4, protocol: 1, ...noPorts }],
  'a fragment beyond the first': [
    ipPacket({ ...v4, protocol: 17, fragment: 0x2001, transport: udpDatagram([1]) }),
    { ...addresses4, protocol: 17, ...noPorts },
  ],
} as const;

for (const [name, [packet, flow]] of Object.entries(flows)) {
  test(`the flow of ${name} is read`, (t) => t.deepEqual(readFlow(packet), flow));
}

test('of a packet that was cut behind its addresses there are no ports', (t) => {
  t.deepEqual(readFlow(tcp.subarray(0, 22)), { ...addresses4, protocol: 6, ...noPorts });
  t.is(readFlow(tcp.subarray(0, 19)), undefined);
  t.is(readFlow(new Uint8Array()), undefined);
});

test('whatever the bytes are, what has a flow has a key, and packets of one key have one flow', (t) => {
  const byKey = new Map<string, string>();
  const shapes = Object.values(flows).map(([packet]) => packet);
  for (let index = 0; index < 50_000; index++) {
    const header = shapes[index % shapes.length]!.slice(0, index % 90);
    if (header.length > 0) header[(index * 7) % header.length] = (index * 31) % 7;
    const key = flowKey(header);
    const flow = JSON.stringify(readFlow(header)) ?? '';
    const isGood = (key === '') === (flow === '') && (byKey.get(key) ?? flow) === flow;
    if (!isGood) t.fail(Buffer.from(header).toString('hex'));
    byKey.set(key, flow);
  }
  t.is(new Set(byKey.values()).size, byKey.size);
});

for (const [name, [packet, flow]] of Object.entries(flows)) {
  test(`the way of ${name} between two addresses is told`, (t) => {
    const [source, destination] = [parseIpAddress(flow.source)!, parseIpAddress(flow.destination)!];
    t.is(wayBetween(packet, source, destination), 'there');
    t.is(wayBetween(packet, destination, source), 'back');
    t.is(wayBetween(packet, source, source), undefined);
    t.is(wayBetween(packet.subarray(0, 19), source, destination), undefined);
    const [one, other] = source.family === 4 ? [pod.a6, pod.b6] : [pod.a4, pod.b4];
    const family = source.family === 4 ? 6 : 4;
    const ends = [one, other].map((octets) => ({ family, bytes: Uint8Array.from(octets) }) as const);
    t.is(wayBetween(packet, ends[0]!, ends[1]!), undefined);
  });
}

function record(change: Partial<FlightRecord> = {}): FlightRecord {
  return {
    seconds: 10,
    nanoseconds: 0,
    worker: 0,
    hook: Hook.toUnderlay,
    direction: 'egress',
    reason: undefined,
    peer: 3,
    generation: 1,
    lengthBytes: tcp.length,
    segments: 1,
    gsoSize: 0,
    header: tcp,
    isDatagram: false,
    ...change,
  };
}

test('packets of a flow are counted together, and those that were dropped by themselves', (t) => {
  const table = new FlowTable();
  table.add(record({ seconds: 12, segments: 3, lengthBytes: 300 }));
  table.add(record({ seconds: 11, nanoseconds: 5e8 }));
  table.add(record({ seconds: 20, hook: Hook.drop, reason: DropReason.noRoute, peer: 0 }));
  table.add(record({ isDatagram: true }));
  table.add(record({ header: Uint8Array.of(8, 0, 0, 0) }));
  const flow = {
    ...addresses4,
    protocol: 6,
    sourcePort: 40_000,
    destinationPort: 5201,
    direction: 'egress',
    rule: '',
  } as const;
  t.is(table.flows().length, 2);
  t.is(table.flows(['192.0.2.1', addresses4.source]).length, 2);
  t.is(table.flows(['192.0.2.1']).length, 0);
  t.deepEqual(table.flows(), [
    {
      ...flow,
      hook: Hook.drop,
      reason: DropReason.noRoute,
      peer: 0,
      packets: 1,
      bytes: 43,
      firstMs: 20_000,
      lastMs: 20_000,
    },
    {
      ...flow,
      hook: Hook.toUnderlay,
      reason: undefined,
      peer: 3,
      packets: 4,
      bytes: 343,
      firstMs: 11_500,
      lastMs: 12_000,
    },
  ]);
});

test('what policies deny is counted by rule', (t) => {
  const table = new FlowTable();
  const denied = { hook: Hook.drop, reason: KernelReason.policyDenied, peer: 0 } as const;
  const denials = ['one', 'another', 'one'].map((rule) => ({ policy: 'shop/web', rule }));
  for (const denial of denials) table.add({ ...record(denied), denial });
  t.deepEqual(
    table
      .flows()
      .map(({ rule, packets }) => `${rule} ${packets}`)
      .sort(),
    ['another 1', 'one 2'],
  );
});

test("weft's own probes are no flow, unless they are asked for", (t) => {
  const prefix = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0];
  const ends = { source: [...prefix, 1], destination: [...prefix, 2] };
  const probe = ipPacket({ ...ends, protocol: 17, transport: udpDatagram([1]) });
  const table = new FlowTable();
  table.add(record({ header: probe }));
  table.add(record({}));
  t.is(table.flows().length, 1);
  table.add(record({ header: probe }), true);
  t.is(table.flows().length, 2);
});
