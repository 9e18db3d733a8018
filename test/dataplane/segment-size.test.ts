import test from 'ava';
import { get16, ipPacket, makePartial, packetFault, tcpSegment, u16 } from '../support/ip-packet.ts';
import { OverlayNode, PLAIN_VIRTIO, encapsulated, pod, virtioHeader } from '../support/overlay-node.ts';

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const SYN = 2;
const SYN_ACK = 0x12;
const ACK = 0x10;
const mss = (value: number) => [2, 4, ...u16(value)];

interface Row {
  readonly family?: 4 | 6;
  readonly flags?: number;
  readonly options: readonly number[];
  /** Where the value lies in the options. */
  readonly at?: number;
}

function segment({ family = 4, flags = SYN, options }: Row): Uint8Array {
  return ipPacket({ ...(family === 4 ? v4 : v6), protocol: 6, transport: tcpSegment(1, flags, [], options) });
}

/** Value behind the fixed header, at `at` in the options. */
function valueIn(packet: Uint8Array, row: Row): number {
  return get16(packet, (row.family === 6 ? 60 : 40) + (row.at ?? 2));
}

const becomes = test.macro<[row: Row, mtuBytes: number, expected: number]>({
  exec: (t, row, mtuBytes, expected) => {
    const packet = segment(row);
    const [out] = new OverlayNode('a', mtuBytes).send(PLAIN_VIRTIO, packet);
    t.is(valueIn(out!.bytes.subarray(22), row), expected);
    t.is(packetFault(out!.bytes.subarray(22)), '');

    const start = row.family === 6 ? 40 : 20;
    const partial = packet.slice();
    makePartial(partial);
    const [completed] = new OverlayNode('a', mtuBytes).send(virtioHeader(0, 0, start, 16), partial);
    t.deepEqual(completed!.bytes, out!.bytes);

    const node = new OverlayNode('b', mtuBytes);
    const [delivered] = node.receive(encapsulated(packet));
    t.is(valueIn(delivered!.packet, row), expected);
    t.is(packetFault(delivered!.packet, delivered!.virtio[0] === 1), '');
    const [half] = node.receive(encapsulated(partial));
    t.is(valueIn(half!.packet, row), expected);
    t.is(packetFault(half!.packet, half!.virtio[0] === 1), '');
  },
  title: (name, _row, mtuBytes, expected) =>
    `${name}, to a peer with ${mtuBytes} bytes, announces ${expected}, both ways`,
});

test('a SYN', becomes, { options: mss(1410) }, 1200, 1160);
test('a SYN-ACK', becomes, { flags: SYN_ACK, options: mss(1410) }, 1200, 1160);
test('a SYN over IPv6', becomes, { family: 6, options: mss(1390) }, 1300, 1240);
test('a SYN-ACK over IPv6', becomes, { family: 6, flags: SYN_ACK, options: mss(1390) }, 1300, 1240);
test('a SYN over IPv6 below its minimum', becomes, { family: 6, options: mss(1390) }, 1210, 1150);
test('a SYN that asks for less', becomes, { options: mss(536) }, 1200, 536);
test('a SYN that fits', becomes, { options: mss(1160) }, 1200, 1160);
test('a SYN of a byte too much', becomes, { options: mss(1161) }, 1200, 1160);
test('a SYN with the value at an odd place', becomes, { options: [1, ...mss(1410), 0, 0, 0], at: 3 }, 1200, 1160);
test(
  'a SYN with it behind other options',
  becomes,
  { options: [4, 2, 3, 3, 7, ...mss(1410), 0, 0, 0], at: 7 },
  1200,
  1160,
);
test('a SYN on a tiny path', becomes, { options: mss(1410) }, 100, 88);
test('what is no SYN', becomes, { flags: ACK, options: mss(1410) }, 1200, 1410);
test('a SYN with options that end before', becomes, { options: [0, 0, 0, 0, ...mss(1410)], at: 6 }, 1200, 1410);
test('a SYN with broken options', becomes, { options: [9, 0, 0, 0, ...mss(1410)], at: 6 }, 1200, 1410);
test('a SYN with an option of the wrong length', becomes, { options: [2, 3, ...u16(1410)] }, 1200, 1410);

test('a fragment is left alone', (t) => {
  const transport = tcpSegment(1, SYN, [], mss(1410));
  const packet = ipPacket({ ...v4, protocol: 6, fragment: 0x2000, transport });
  const [out] = new OverlayNode('a', 1200).send(PLAIN_VIRTIO, packet);
  t.deepEqual(out!.bytes, encapsulated(packet));
});
