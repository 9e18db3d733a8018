import test from 'ava';
import { elementTransaction, type NftElementChange } from '../../src/linux/nft-element-message.ts';
import { bytes } from '../support/bytes.ts';

const change: NftElementChange = {
  verb: 'add',
  table: { family: 'inet', name: 'weft' },
  set: 'own4',
  type: 'ifname . ipv4_addr . ether_addr',
  hasRanges: false,
  elements: ['wf0 . 10.244.1.2 . 02:00:00:00:00:01'],
};

const begin = '14000000 1000 0100 00000000 00000000  00 00 000a';
const end = '14000000 1100 0100 00000000 00000000  00 00 000a';
const set = '0900 0100 77656674 00000000  0900 0200 6f776e34 00000000';
const wf0 = '77663000 00000000 00000000 00000000';

// As `strace -e trace=sendmsg -e write=all nft ...` of nftables 1.0.6 shows them, but for numbers that it gives messages and sets, and for being acknowledged.
test('an element is added in a transaction of its own, its parts padded', (t) => {
  const added =
    `58000000 0c0a 0504 00000000 00000000  01 00 0000  ${set}` +
    `2c00 0380  2800 0180  2400 0180  2000 0100  ${wf0} 0af40102 02000000 00010000`;
  t.deepEqual(elementTransaction([change]), { bytes: bytes(`${begin} ${added} ${end}`), messages: 1 });
});

test('of a range, the first and the last are said', (t) => {
  const elements = ['wf0 . 10.0.0.0/23 . 02:00:00:00:00:01'];
  const ranges = elementTransaction([{ ...change, verb: 'delete', hasRanges: true, elements }]);
  const from = `2400 0180  2000 0100  ${wf0} 0a000000 02000000 00010000`;
  const to = `2400 0a80  2000 0100  ${wf0} 0a0001ff 02000000 00010000`;
  const deleted = `7c000000 0e0a 0500 00000000 00000000  01 00 0000  ${set} 5000 0380  4c00 0180 ${from} ${to}`;
  t.deepEqual(ranges, { bytes: bytes(`${begin} ${deleted} ${end}`), messages: 1 });
});

test('of a map, an element says where to go', (t) => {
  const maps = { ...change, set: 'from', type: 'ifname', data: 'verdict' };
  const of = (element: string) => elementTransaction([{ ...maps, elements: [element] }]);
  const from = '0900 0100 77656674 00000000  0900 0200 66726f6d 00000000';
  const verdict = '1800 0280  1400 0280  0800 0100 fffffffd  0800 0200 696e3000';
  const added =
    `64000000 0c0a 0504 00000000 00000000  01 00 0000  ${from}` +
    `3800 0380  3400 0180  1800 0180  1400 0100  ${wf0}  ${verdict}`;
  t.deepEqual(of('wf0 : jump in0'), { bytes: bytes(`${begin} ${added} ${end}`), messages: 1 });
  t.true(Buffer.from(of('wf0 : goto in0')!.bytes).includes(Buffer.from(bytes('fffffffc'))));
  t.is(of('wf0 : return'), undefined);
});

test('of a map of addresses and ports, an element says which', (t) => {
  const map = { ...change, type: 'ipv4_addr', data: 'ipv4_addr . inet_service' };
  const of = (element: string) => elementTransaction([{ ...map, elements: [element] }]);
  const added = '0c00 0180  0800 0100 0a600001  1000 0280  0c00 0100 0af40102 1f900000';
  t.true(Buffer.from(of('10.96.0.1 : 10.244.1.2 . 8080')!.bytes).includes(Buffer.from(bytes(added))));
  t.is(of('10.96.0.1 : 10.244.1.2'), undefined);
  t.is(of('10.96.0.1 : jump in0'), undefined);
});

test('protocols and ports are numbers in network order, each padded', (t) => {
  const named = { ...change, type: 'ipv4_addr . inet_proto . inet_service', elements: ['10.0.0.1 . 132 . 8080'] };
  t.true(Buffer.from(elementTransaction([named])!.bytes).includes(Buffer.from(bytes('0a000001 84000000 1f900000'))));
});

const left: Readonly<Record<string, Partial<NftElementChange>>> = {
  'elements of a type that is not known': { type: 'mark', elements: ['80'] },
  'ranges of one part': { type: 'ipv4_addr', hasRanges: true, elements: ['10.0.0.0/8'] },
  'a range in a set that has none': { elements: ['wf0 . 10.0.0.0/8 . 02:00:00:00:00:01'] },
  'an address of the other family': { elements: ['wf0 . fd00::1 . 02:00:00:00:00:01'] },
  'a port that is none': { type: 'ipv4_addr . inet_service', elements: ['10.0.0.1 . 65536'] },
  'too few parts': { elements: ['wf0 . 10.0.0.1'] },
  'a name that is too long for a device': { elements: ['wf01234567890123 . 10.0.0.1 . 02:00:00:00:00:01'] },
  'more than there is room for': {
    type: 'ipv6_addr',
    elements: Array.from({ length: 40_000 }, (_, index) => `fd00::${index.toString(16)}`),
  },
};
for (const [what, part] of Object.entries(left)) {
  test(`${what}: that is left to nft`, (t) => {
    t.is(elementTransaction([{ ...change, ...part }]), undefined);
  });
}

test('many elements are several messages, whose lengths have 16 bits', (t) => {
  const elements = Array.from({ length: 600 }, (_, index) => `wf${index} . 10.0.0.1 . 02:00:00:00:00:01`);
  t.is(elementTransaction([{ ...change, elements }])?.messages, 3);
});
