import test from 'ava';
import { compileFilter } from '../../src/capture/bpf-compiler.ts';
import { parseBpfProgram, type BpfProgram } from '../../src/capture/bpf-program.ts';
import { hostProgram } from '../../src/capture/host-program.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { ipPacket, udpDatagram } from '../support/ip-packet.ts';

const pod = ['10.244.1.2', 'fd00:10:244:1::2'].map((text) => parseIpAddress(text)!);
const octets = (text: string) => [...parseIpAddress(text)!.bytes];
const packetOf = (source: string, destination: string) =>
  ipPacket({ source: octets(source), destination: octets(destination), protocol: 17, transport: udpDatagram([1, 2]) });

/** Only IPv4 datagrams whose second octet of payload is 2. */
const endsIn2: BpfProgram = [
  [48, 0, 0, 29],
  [21, 0, 1, 2],
  [6, 0, 0, 1],
  [6, 0, 0, 0],
];

const wants = test.macro<[source: string, destination: string, isWanted: boolean]>({
  exec(t, source, destination, isWanted) {
    const packet = packetOf(source, destination);
    const program = parseBpfProgram(hostProgram(pod));
    t.is(compileFilter(program)(packet, 0, packet.length) !== 0, isWanted);
    // A super-packet is decided about at once: no segment has other addresses.
    t.is(compileFilter(program, { segmentsOf: true })(packet, 0, packet.length) !== 0, isWanted);
  },
  title: (_name, source, destination, isWanted) => `${source} > ${destination} is ${isWanted ? '' : 'not '}of the pod`,
});

test(wants, '10.244.1.2', '10.244.2.2', true);
test(wants, '10.244.2.2', '10.244.1.2', true);
test(wants, '10.244.1.3', '10.244.2.2', false);
test(wants, 'fd00:10:244:1::2', 'fd00:10:244:2::2', true);
test(wants, 'fd00:10:244:2::2', 'fd00:10:244:1::2', true);
test(wants, 'fd00:10:244:1::3', 'fd00:10:244:2::2', false);
test(wants, 'fd00:10:244:2::2', 'fd00:10:244:2::3', false);

test('what another program wants, too, has to be of the pod', (t) => {
  const both = compileFilter(parseBpfProgram(hostProgram(pod, endsIn2)));
  const alone = compileFilter(endsIn2);
  const asked = (source: string, destination: string) => {
    const packet = packetOf(source, destination);
    return [both, alone].map((filter) => filter(packet, 0, packet.length));
  };
  t.deepEqual(asked('10.244.1.2', '10.244.2.2'), [1, 1]);
  t.deepEqual(asked('10.244.1.3', '10.244.2.2'), [0, 1]);
});

test('a program that has no room beside the addresses is asked alone', (t) => {
  const long: BpfProgram = [...Array.from({ length: 4_095 }, () => [0, 0, 0, 0] as const), [6, 0, 0, 1]];
  t.is(hostProgram(pod, long), long);
});
