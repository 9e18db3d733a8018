import test from 'ava';
import {
  encodeEthernet,
  ETHERNET_DESTINATION_OFFSET,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_SOURCE_OFFSET,
  EtherType,
  isGroupFrame,
  readEtherType,
} from '../../src/wire/ethernet.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';
import { goldenFrame } from '../support/golden-frames.ts';

const golden = '020000000002 020000000001 86dd';

test('a header is written field by field', (t) => {
  const addresses = bytes('a5 020000000001 020000000002');
  const header = encoded(ETHERNET_HEADER_LENGTH, (buffer, at) =>
    encodeEthernet(addresses, 7, addresses, 1, EtherType.ipv6, buffer, at),
  );
  t.deepEqual(header, bytes(golden));
});

test('a header is read field by field', (t) => {
  const frame = bytes(`a5 ${golden}`);
  t.is(readEtherType(frame, 1), EtherType.ipv6);
  t.is(frame[1 + ETHERNET_DESTINATION_OFFSET + 5], 2);
  t.is(frame[1 + ETHERNET_SOURCE_OFFSET + 5], 1);
  t.false(isGroupFrame(frame, 1));
});

const frames = test.macro<[name: string, etherType: number, isGroup: boolean, at?: number]>({
  exec(t, name, etherType, isGroup, at = 0) {
    t.is(readEtherType(goldenFrame(name), at), etherType);
    t.is(isGroupFrame(goldenFrame(name), at), isGroup);
  },
  title: (label, name) => `${label ?? ''} ${name} is read`.trim(),
});

test(frames, 'ipv4-tcp-syn', EtherType.ipv4, false);
test(frames, 'ipv6-tcp-syn', EtherType.ipv6, false);
test(frames, 'ipv6-icmpv6-neighbor-solicitation', EtherType.ipv6, true);
test('the inner header of', frames, 'vxlan-arp', EtherType.arp, true, 50);
