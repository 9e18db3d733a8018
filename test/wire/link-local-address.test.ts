import test from 'ava';
import { formatIpAddress, parseIpAddress, parseMacAddress } from '../../src/wire/address.ts';
import { encodeLinkLocalAddress, isLinkLocalAddress } from '../../src/wire/link-local-address.ts';

const addressOf = test.macro<[string, string]>({
  exec: (t, mac, expected) => {
    const bytes = new Uint8Array(16).fill(0xff);
    encodeLinkLocalAddress(parseMacAddress(mac)!, 0, bytes, 0);
    t.is(formatIpAddress({ family: 6, bytes }), expected);
    t.true(isLinkLocalAddress(bytes, 0));
  },
  title: (_name, mac, expected) => `the link-local address of ${mac} is ${expected}`,
});

// The first is the example of RFC 4291, appendix A, in numbers.
test(addressOf, '34:56:78:9a:bc:de', 'fe80::3656:78ff:fe9a:bcde');
test(addressOf, '02:4f:1c:2a:9b:e0', 'fe80::4f:1cff:fe2a:9be0');
test(addressOf, '00:00:00:00:00:01', 'fe80::200:ff:fe00:1');

for (const [text, expected] of [
  ['fe80::1', true],
  ['febf::1', true],
  ['fec0::1', false],
  ['fd00::1', false],
  ['ff02::1', false],
] as const) {
  test(`${text} is ${expected ? 'a' : 'no'} link-local address`, (t) => {
    t.is(isLinkLocalAddress(parseIpAddress(text)!.bytes, 0), expected);
  });
}
