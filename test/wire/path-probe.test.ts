import test from 'ava';
import {
  PATH_PROBE_LENGTH,
  PathProbeKind,
  encodePathProbe,
  readPathProbeKind,
  readPathProbeSeen,
  readPathProbeSequence,
  readPathProbeSize,
  readPathProbeTime,
  writePathProbeSeen,
} from '../../src/wire/path-probe.ts';

test('what is written is read again, and every byte is written', (t) => {
  const bytes = new Uint8Array(PATH_PROBE_LENGTH + 2).fill(0xff);
  encodePathProbe(PathProbeKind.reply, 1450, 0xfedc_ba98, 0x8765_4321, bytes, 1);
  t.deepEqual(
    [...bytes],
    [0xff, 0x77, 0x65, 0x66, 0x74, 2, 0, 0x05, 0xaa, 0xfe, 0xdc, 0xba, 0x98, 0x87, 0x65, 0x43, 0x21, 0, 0, 0, 0, 0xff],
  );
  writePathProbeSeen(0xfffe_fdfc, bytes, 1);
  t.deepEqual([...bytes.subarray(17)], [0xff, 0xfe, 0xfd, 0xfc, 0xff]);
  t.is(readPathProbeSeen(bytes, 1), 0xfffe_fdfc);
  t.is(readPathProbeKind(bytes, 1), PathProbeKind.reply);
  t.is(readPathProbeSize(bytes, 1), 1450);
  t.is(readPathProbeSequence(bytes, 1), 0xfedc_ba98);
  t.is(readPathProbeTime(bytes, 1), 0x8765_4321);
});

test('another magic or an unknown kind is no probe', (t) => {
  const bytes = new Uint8Array(PATH_PROBE_LENGTH);
  t.is(readPathProbeKind(bytes, 0), -1);
  encodePathProbe(PathProbeKind.request, 64, 1, 2, bytes, 0);
  bytes[4] = 3;
  t.is(readPathProbeKind(bytes, 0), -1);
});
