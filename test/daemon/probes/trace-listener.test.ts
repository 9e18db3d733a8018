import test from 'ava';
import { TraceListener } from '../../../src/daemon/probes/trace-listener.ts';
import { Hook } from '../../../src/dataplane/hook.ts';
import { TapForm } from '../../../src/dataplane/tap-record.ts';
import { createTapRingMemory, TapRingReader, TapRingWriter } from '../../../src/dataplane/tap-ring.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { ipPacket, udpDatagram } from '../../support/ip-packet.ts';
import { recordOf } from '../../support/tap-record-bytes.ts';

test('a ring that is full of something else is not looked through in one go', (t) => {
  const memory = createTapRingMemory(1_048_576);
  const writer = new TapRingWriter(memory);
  const source = [10, 244, 1, 2];
  const packet = ipPacket({ source, destination: [10, 244, 2, 2], protocol: 17, transport: udpDatagram([1]) });
  const record = recordOf(TapForm.inner, packet, { hook: Hook.fromPod });
  for (let at = writer.reserve(record.length); at !== -1; at = writer.reserve(record.length)) {
    // The length stands there already.
    writer.bytes.set(record.subarray(4), at + 4);
    writer.commit();
  }
  const address = parseIpAddress('10.244.1.3')!;
  const traced = {
    source: address,
    destination: address,
    protocol: 1,
    sourcePort: 0,
    destinationPort: 0,
    sizeBytes: 84,
  };
  const listener = new TraceListener({ ...traced, mark: 7 }, [memory], () => undefined);
  const left = new TapRingReader(memory);
  t.deepEqual(listener.look(), []);
  t.not(left.peek(), undefined);
  listener.look();
  t.is(left.peek(), undefined);
});
