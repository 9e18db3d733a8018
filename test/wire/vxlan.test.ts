import test from 'ava';
import {
  encodeVxlan,
  clearRemoteChecksum,
  encodeVxlanRemoteChecksum,
  hasRemoteChecksum,
  MAX_REMOTE_CHECKSUM_START,
  MAX_VNI,
  readRemoteChecksumOffset,
  readRemoteChecksumStart,
  readVni,
  VXLAN_HEADER_LENGTH,
} from '../../src/wire/vxlan.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';
import { goldenFrame } from '../support/golden-frames.ts';

const plain = test.macro<[hex: string, vni: number]>({
  exec(t, hex, vni) {
    t.is(readVni(bytes(`a5 ${hex}`), 1), vni);
    t.false(hasRemoteChecksum(bytes(`a5 ${hex}`), 1));
    t.deepEqual(
      encoded(VXLAN_HEADER_LENGTH, (buffer, at) => encodeVxlan(vni, buffer, at)),
      bytes(hex),
    );
  },
  title: (_, hex, vni) => `VNI ${vni} is ${hex}`,
});

test(plain, '08 000000 000000 00', 0);
test(plain, '08 000000 00002a 00', 42);
test(plain, '08 000000 123456 00', 0x12_34_56);
test(plain, '08 000000 ffffff 00', MAX_VNI);

const vnis = test.macro<[hex: string, vni: number]>({
  exec: (t, hex, vni) => t.is(readVni(bytes(hex), 0), vni),
  title: (name, _hex, vni) => `${name} reads as VNI ${vni}`,
});

test('a header without the I flag', vnis, '00 000000 00002a 00', -1);
test('a header with every flag but I', vnis, 'f7 ffffff 00002a ff', -1);
test('a header with reserved bits set', vnis, 'ff ffffff 00002a ff', 42);

// The last bytes are those that a Linux 6.18 vxlan device sends with remcsumtx.
const remote = test.macro<[hex: string, start: number, offset: number]>({
  exec(t, hex, start, offset) {
    const header = bytes(`a5 ${hex}`);
    t.is(readVni(header, 1), 42);
    t.true(hasRemoteChecksum(header, 1));
    t.is(readRemoteChecksumStart(header, 1), start);
    t.is(readRemoteChecksumOffset(header, 1), offset);
    t.deepEqual(
      encoded(VXLAN_HEADER_LENGTH, (buffer, at) => encodeVxlanRemoteChecksum(42, start, offset === 6, buffer, at)),
      bytes(hex),
    );
  },
  title: (name, hex) => `a remote checksum of ${name} is ${hex}`,
});

test('TCP over IPv4', remote, '08 200000 00002a 11', 34, 16);
test('UDP over IPv4', remote, '08 200000 00002a 91', 34, 6);
test('TCP over IPv6', remote, '08 200000 00002a 1b', 54, 16);
test('UDP over IPv6', remote, '08 200000 00002a 9b', 54, 6);
test('UDP over IPv4 with 4 bytes of options', remote, '08 200000 00002a 93', 38, 6);
test('TCP at the largest start', remote, '08 200000 00002a 7f', MAX_REMOTE_CHECKSUM_START, 16);

test('a remote checksum is taken back, and nothing else', (t) => {
  const header = bytes('0f 7fffff 12342a 91');
  clearRemoteChecksum(header, 0);
  t.deepEqual(header, bytes('0f 5fffff 12342a 00'));
});

const OUTER_HEADERS_LENGTH = 42;
const kernels = test.macro<[name: string, start: number, offset: number]>({
  exec(t, name, start, offset) {
    const frame = goldenFrame(name);
    t.is(readVni(frame, OUTER_HEADERS_LENGTH), 42);
    t.is(hasRemoteChecksum(frame, OUTER_HEADERS_LENGTH), start > 0);
    if (start === 0) return;
    t.is(readRemoteChecksumStart(frame, OUTER_HEADERS_LENGTH), start);
    t.is(readRemoteChecksumOffset(frame, OUTER_HEADERS_LENGTH), offset);
  },
  title: (_, name) => `the kernel's ${name} is read`,
});

test(kernels, 'vxlan-arp', 0, 0);
test(kernels, 'vxlan-ipv4-tcp-syn', 34, 16);
test(kernels, 'vxlan-ipv4-udp-odd', 34, 6);
test(kernels, 'vxlan-ipv6-tcp-data', 54, 16);
test(kernels, 'vxlan-ipv6-udp-odd', 54, 6);
