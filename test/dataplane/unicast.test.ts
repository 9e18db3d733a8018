import test from 'ava';
import { isRoutableUnicast } from '../../src/dataplane/unicast.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

const routable = test.macro<[text: string, expected: boolean]>({
  exec: (t, text: string, expected: boolean) => {
    const { family, bytes } = parseIpAddress(text)!;
    const memory = new Uint8Array(3 + bytes.length);
    memory.set(bytes, 3);
    t.is(isRoutableUnicast(memory, 3, family), expected);
  },
  title: (_, text, expected) => `the overlay ${expected ? 'routes' : 'does not route'} to ${text}`,
});

test(routable, '10.244.1.2', true);
test(routable, '1.0.0.0', true);
test(routable, '169.253.255.255', true);
test(routable, '223.255.255.255', true);
test(routable, '0.0.0.0', false);
test(routable, '127.0.0.1', false);
test(routable, '169.254.1.1', false);
test(routable, '224.0.0.251', false);
test(routable, '239.255.255.250', false);
test(routable, '240.0.0.1', false);
test(routable, '255.255.255.255', false);
test(routable, 'fd00::1', true);
test(routable, '::2', true);
test(routable, '::1:0:0', true);
test(routable, '64:ff9b::1', true);
test(routable, 'fec0::1', true);
test(routable, '::', false);
test(routable, '::1', false);
test(routable, 'fe80::1', false);
test(routable, 'febf::1', false);
test(routable, 'ff02::1', false);
test(routable, 'ff05::2', false);
