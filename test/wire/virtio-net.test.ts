import test from 'ava';
import * as virtio from '../../src/wire/virtio-net.ts';
import { bytes } from '../support/bytes.ts';
import { encoded } from '../support/encoded.ts';

const golden = '01 84 4800 0805 2800 1000';

test('a header is written field by field', (t) => {
  const header = encoded(virtio.VIRTIO_NET_HEADER_LENGTH, (buffer, at) =>
    virtio.encodeVirtioNet(
      virtio.VirtioFlag.needsChecksum,
      virtio.GsoType.tcp6 | virtio.GSO_ECN_BIT,
      72,
      1288,
      40,
      16,
      buffer,
      at,
    ),
  );
  t.deepEqual(header, bytes(golden));
});

const fields = test.macro<
  [read: (bytes: Uint8Array, at: number) => number | boolean, hex: string, value: number | boolean]
>({
  exec: (t, read, hex, value) => t.is(read(bytes(`ff ${hex}`), 1), value),
  title: (name) => `${name} is read`,
});

test('the flag', fields, virtio.readVirtioFlags, golden, virtio.VirtioFlag.needsChecksum);
test('the GSO type, without the ECN bit,', fields, virtio.readGsoType, golden, virtio.GsoType.tcp6);
test('the ECN bit', fields, virtio.hasGsoEcn, golden, true);
test('the header length', fields, virtio.readVirtioHeaderLength, golden, 72);
test('the GSO size', fields, virtio.readGsoSize, golden, 1288);
test('the checksum start', fields, virtio.readChecksumStart, golden, 40);
test('the checksum offset', fields, virtio.readChecksumOffset, golden, 16);
test('no ECN bit', fields, virtio.hasGsoEcn, '01 05', false);
test('the GSO type of UDP', fields, virtio.readGsoType, '01 05', virtio.GsoType.udp);
test('the GSO type of a single packet', fields, virtio.readGsoType, '00 00', virtio.GsoType.none);
