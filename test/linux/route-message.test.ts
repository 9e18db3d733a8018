import test from 'ava';
import { addressMessage, linkUpMessage, routeMessage } from '../../src/linux/route-message.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { bytes } from '../support/bytes.ts';

const address = (text: string) => parseIpAddress(text)!;
const route = { source: address('10.244.1.2'), protocol: 87 };

// As `strace -e trace=sendmsg -e write=all ip …` of iproute2 6.1 shows them, but for the sequence number.
test('a device is set up', (t) => {
  t.deepEqual(linkUpMessage(7), bytes('20000000 1000 0500 00000000 00000000  00 00 0000 07000000 01000000 01000000'));
});

test('an address has no network, and over IPv6 nobody asks whether it is free', (t) => {
  t.deepEqual(
    addressMessage(7, address('10.244.1.2')),
    bytes('28000000 1400 0505 00000000 00000000  02 20 00 00 07000000  0800 0200 0af40102  0800 0100 0af40102'),
  );
  const own = 'fd001024400100000000000000000002';
  t.deepEqual(
    addressMessage(7, { family: 6, bytes: bytes(own) }),
    bytes(`40000000 1400 0505 00000000 00000000  0a 80 02 00 07000000  1400 0200 ${own}  1400 0100 ${own}`),
  );
});

test('a default route leads to a gateway, and is sent from an address', (t) => {
  t.deepEqual(
    routeMessage(7, { ...route, destination: undefined, gateway: address('169.254.1.1') }),
    bytes(
      '34000000 1800 0506 00000000 00000000  02 00 00 00 fe 57 00 01 00000000  0800 0500 a9fe0101  0800 0700 0af40102  0800 0400 07000000',
    ),
  );
});

test('a gateway is on the link', (t) => {
  t.deepEqual(
    routeMessage(7, { ...route, destination: address('169.254.1.1'), gateway: undefined }),
    bytes(
      '2c000000 1800 0506 00000000 00000000  02 20 00 00 fe 57 fd 01 00000000  0800 0100 a9fe0101  0800 0400 07000000',
    ),
  );
});
