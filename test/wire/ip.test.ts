import test from 'ava';
import { readIpVersion } from '../../src/wire/ip.ts';
import { bytes } from '../support/bytes.ts';

const versions = test.macro<[hex: string, version: number]>({
  exec: (t, hex, version) => t.is(readIpVersion(bytes(`ff ${hex}`), 1), version),
  title: (_, hex, version) => `a packet that begins with ${hex} is of version ${version}`,
});

test(versions, '45', 4);
test(versions, '4f', 4);
test(versions, '60', 6);
test(versions, '6f', 6);
test(versions, '00', 0);
test(versions, 'ff', 15);
