import test from 'ava';
import { acknowledgedError, encodeMessage, joined } from '../../src/linux/netlink-message.ts';
import { bytes } from '../support/bytes.ts';

test('attributes are aligned, and say whether others are in them', (t) => {
  const message = encodeMessage({ type: 0x10, flags: 0x4, sequence: 7 }, bytes('02 00 00 00'), [
    [1, bytes('aa')],
    [2, [[3, bytes('bbcc')]]],
  ]);
  t.deepEqual(
    message,
    bytes('28000000 1000 0500 07000000 00000000  02000000  0500 0100 aa000000  0c00 0280 0600 0300 bbcc0000'),
  );
});

test('messages that are sent at once begin at multiples of four', (t) => {
  t.deepEqual(joined([bytes('aabb'), bytes('ccddeeff')]), bytes('aabb0000 ccddeeff'));
});

test('an acknowledgement says whether it was done', (t) => {
  t.is(acknowledgedError(bytes('24000000 0200 0001 00000000 00000000 00000000')), 0);
  t.is(acknowledgedError(bytes('24000000 0200 0001 00000000 00000000 efffffff')), 17);
  t.is(acknowledgedError(bytes('24000000 0300 0001 00000000 00000000 00000000')), undefined);
  t.is(acknowledgedError(bytes('2400')), undefined);
});
