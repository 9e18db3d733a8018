import test from 'ava';
import {
  aliasMessage,
  deleteGroupMessage,
  deleteLinkMessage,
  groupMessage,
  vethMessage,
  withoutLinkLocalMessage,
} from '../../src/linux/link-message.ts';
import { hostRouteMessage, addressMessage } from '../../src/linux/route-message.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { bytes } from '../support/bytes.ts';

const address = (text: string) => parseIpAddress(text)!;
const link = (index: string) => `00 00 0000 ${index} 00000000 00000000`;

const changing = (length: string) => `${length}000000 1000 0500 00000000 00000000  ${link('07000000')}`;
const deleting = (length: string, index: string) => `${length}000000 1100 0500 00000000 00000000  ${link(index)}`;

// Compared with `strace -e trace=sendmsg -e write=all ip …` of iproute2 6.1, but for numbers of messages, the order of attributes, and their being said
// to be nested.
test('a pair is made with its other end in a namespace', (t) => {
  const near = { name: 'wf0', mac: '02:00:00:00:00:01', mtuBytes: 1450 };
  const far = { name: 'eth0', mac: '02:00:00:00:00:02', mtuBytes: 1450 };
  const ends = {
    near: '0800 0300 77663000  0800 0400 aa050000  0a00 0100 020000000001 0000',
    far: '0900 0300 65746830 00000000  0800 0400 aa050000  0a00 0100 020000000002 0000  0800 1c00 09000000',
  };
  t.deepEqual(
    vethMessage(near, far, 9),
    bytes(
      `88000000 1000 0506 00000000 00000000  ${link('00000000')}  ${ends.near}` +
        `4c00 1280  0800 0100 76657468  4000 0280  3c00 0100  ${link('00000000')}  ${ends.far}`,
    ),
  );
});

test('a device gets an alias, a group, and no link-local address', (t) => {
  t.deepEqual(aliasMessage(7, 'weft'), bytes(`${changing('28')}  0800 1400 77656674`));
  t.deepEqual(groupMessage(7, 3), bytes(`${changing('28')}  0800 1b00 03000000`));
  t.deepEqual(withoutLinkLocalMessage(7), bytes(`${changing('30')}  1000 1a80  0c00 0a80  0500 0800 01000000`));
});

test('one device is deleted, or a group', (t) => {
  t.deepEqual(deleteLinkMessage(7), bytes(deleting('20', '07000000')));
  t.deepEqual(deleteGroupMessage(3), bytes(`${deleting('28', '00000000')}  0800 1b00 03000000`));
});

test('a gateway is good on the link alone, or in a network', (t) => {
  t.deepEqual(
    addressMessage(7, address('169.254.1.1'), undefined, true),
    bytes('28000000 1400 0505 00000000 00000000  02 20 00 fd 07000000  0800 0200 a9fe0101  0800 0100 a9fe0101'),
  );
  const gateway = 'fe80000000000000 0000000000000001';
  t.deepEqual(
    addressMessage(7, address('fe80::1'), 64),
    bytes(`40000000 1400 0505 00000000 00000000  0a 40 02 00 07000000  1400 0200 ${gateway}  1400 0100 ${gateway}`),
  );
});

test('a route leads to an address by a device, in the place of another', (t) => {
  const route = { destination: address('10.244.1.2'), source: address('10.244.1.1'), protocol: 87 };
  t.deepEqual(
    hostRouteMessage(7, route),
    bytes(
      '34000000 1800 0505 00000000 00000000  02 20 00 00 fe 57 fd 01 00000000  0800 0100 0af40102  0800 0700 0af40101  0800 0400 07000000',
    ),
  );
  const destination = { family: 6 as const, bytes: bytes('fd001024400100000000000000000002') };
  t.deepEqual(
    hostRouteMessage(7, { destination, source: undefined, protocol: 87 }),
    bytes(
      '38000000 1800 0505 00000000 00000000  0a 80 00 00 fe 57 00 01 00000000  1400 0100 fd001024400100000000000000000002  0800 0400 07000000',
    ),
  );
});
